//! The commonest command line of all, read by hand: `get NAME`, with a format or without.
//!
//! Describing a verb to clap costs a tenth of the instructions of a `get` that is answered from the cache, so
//! what programs call a thousand times a day goes without. Everything else, every mistake included, is clap's.

use crate::cli::{Common, Format, GetArgs, TokenArgs};
use clap::ValueEnum;
use std::ffi::OsString;

/// The arguments after `get`, where they are just these.
pub(super) fn read(arguments: &[OsString]) -> Option<GetArgs> {
    let (name, format) = match arguments {
        [name] => (name, Format::default()),
        [name, option, format] | [option, format, name] if option == "--format" => {
            (name, Format::from_str(format.to_str()?, false).ok()?)
        }
        _ => return None,
    };
    let name = name.to_str().filter(|name| !name.starts_with('-'))?.to_owned();
    let common = Common { log: None, protocol: 1 };
    let token = TokenArgs {
        name: Some(name),
        format,
        url: None,
        request: None,
        from_env: false,
        timeout: None,
        interactive: None,
        common,
    };
    Some(GetArgs { token, min_ttl: None, verify: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_is_read_by_hand_is_what_clap_reads() {
        for line in ["demo", "demo --format token", "--format headers demo", "demo@work --format json", ""] {
            let by_clap = GetArgs::try_parse_from([words("get"), words(line)].concat()).unwrap();
            assert_eq!(format!("{:?}", read(&words(line)).unwrap()), format!("{by_clap:?}"), "{line}");
        }
    }

    #[test]
    fn everything_else_is_left_to_clap() {
        for line in [
            "--help",
            "-h",
            "--",
            "demo other",
            "demo --format",
            "demo --format yaml",
            "demo --format=token",
            "demo --min-ttl 5",
            "demo --url token",
            "--format token --help",
            "--request -",
            "demo --request -",
            "--from-env",
            "-- --format token",
        ] {
            assert!(read(&words(line)).is_none(), "{line}");
        }
        assert!(read(&[]).is_none());
    }
}
