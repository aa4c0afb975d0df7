//! `src/config/name.rs`: a name is a part of file names wherever this program may run.

use crate::{holds, one_of};
use mcp_credential::config::KeySource;
use mcp_credential::config::name::{NAME_LIMIT, check};
use mcp_credential::store::{Slot, Store};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Names, and what is nearly one.
fn name() -> impl Strategy<Value = String> {
    let piece = one_of([
        "a",
        "B",
        "7",
        ".",
        "..",
        "-",
        "_",
        "@",
        "con",
        "NUL",
        "com1",
        "lpt",
        "json",
        "lock",
        "token",
        "client",
        "next",
        "login",
        "state",
        "key.bin",
        "/",
        "\\",
        ":",
        "\0",
        " ",
        "\n",
        "~",
        "$",
        "%",
        "*",
        "ä",
        "aux",
        "token.json",
    ]);
    let pieces = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => pieces, 4 => "[a-zA-Z0-9][a-zA-Z0-9._-]{0,66}(@[a-z]{0,3})?", 1 => any::<String>()]
}

/// Every file of a server.
fn files(name: &str) -> Vec<PathBuf> {
    let store = Store::new("/home/x/.mcp-credential".into(), None, KeySource::File);
    let slot = Slot::new(&store, name);
    let beside = ["lock", "login", "probe", "state", "next", "intent", "damaged-0", "seeds", "issuers"]
        .map(|suffix| slot.beside(suffix));
    [slot.record_path(), slot.client_path()].into_iter().chain(beside).collect()
}

#[test]
fn an_accepted_name_is_one_harmless_part_of_a_path_everywhere() {
    holds(name(), |name| {
        if check(&name).is_err() {
            return;
        }
        let parts: Vec<Component> = Path::new(&name).components().collect();
        assert_eq!(parts, [Component::Normal(name.as_ref())]);
        assert!(name.len() <= NAME_LIMIT && !name.starts_with(['-', '.', '~', '@']));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte)), "{name:?}");
        assert!(!is_reserved_on_windows(&name), "{name:?}");
        for file in files(&name) {
            assert_eq!(file.parent(), Some(Path::new("/home/x/.mcp-credential/oauth")));
            assert!(file.file_name().unwrap().len() < 255);
        }
    });
}

/// CON, PRN, AUX, NUL, COM0 to COM9 and LPT0 to LPT9 with any extension.
fn is_reserved_on_windows(name: &str) -> bool {
    let stem: String = name.chars().take_while(|c| *c != '.').collect::<String>().to_uppercase();
    let numbered = (0..10).flat_map(|n| [format!("COM{n}"), format!("LPT{n}")]);
    ["CON", "PRN", "AUX", "NUL"].map(String::from).into_iter().chain(numbered).any(|device| device == stem)
}

#[test]
fn two_names_never_share_a_file_even_where_case_is_folded() {
    let near = |name: String, end: &str| format!("{name}{end}");
    let end =
        one_of(["", ".token", ".client", ".token.json.next", ".next", ".lock", "x", "@a", ".token.json"]);
    holds((name(), end), |(one, end)| {
        let two = near(one.clone(), end);
        if check(&one).is_err() || check(&two).is_err() || one.eq_ignore_ascii_case(&two) {
            return;
        }
        let folded = |name: &str| -> BTreeSet<String> {
            files(name).iter().map(|file| file.to_str().unwrap().to_lowercase()).collect()
        };
        assert!(folded(&one).is_disjoint(&folded(&two)), "{one} and {two}");
    });
}

#[test]
fn ordinary_names_are_accepted() {
    holds("[a-z][a-z0-9_-]{3,20}[a-km-z](@[a-z]{1,8})?", |name| {
        if !is_reserved_on_windows(&name) {
            assert_eq!(check(&name), Ok(()), "{name}");
        }
    });
}
