//! What is a name.

use super::*;
use crate::config::name::{check, near};

#[test]
fn ordinary_names_pass() {
    for name in
        ["a", "atlassian", "atlassian@work", "A.b_c-9", "0x", "com", "com10", "console", "json", "a.b@c.d"]
    {
        assert_eq!(check(name), Ok(()), "{name}");
    }
    assert_eq!(check(&"n".repeat(64)), Ok(()));
}

#[test]
fn what_could_be_a_path_a_flag_or_a_device_is_no_name() {
    let long = "n".repeat(300);
    for name in [
        "../../x", "a/b", "a\\b", "", "-rf", ".hidden", "a\0b", "CON", "con", "Nul.txt", "com1", "LPT9.x",
        "aux", "prn", &long, "a@b@c", "@a", "a@", "x.json", "x.LOCK", "ä", "a b", "a:b", "~",
    ] {
        let failure = check(name).unwrap_err();
        assert_says(&failure, Code::Usage, &["is not a server name: "]);
        assert_eq!(load(name, &Environment::from_pairs([("HOME", "/nowhere")])).unwrap_err(), failure);
    }
    assert!(check(&"n".repeat(65)).is_err());
}

#[test]
fn a_name_is_echoed_as_one_escaped_line() {
    let failure = check("a\r\nb\u{1b}]0;t\u{7}").unwrap_err();
    assert_says(&failure, Code::Usage, &["`a b\\u{1b}]0;t\\u{7}`"]);
    assert!(!failure.message.chars().any(char::is_control));
}

#[test]
fn near_names_come_nearest_first() {
    let names = ["atlassian", "atlas", "github", "Atlasian", "linear"];
    assert_eq!(near("atlasian", names), ["Atlasian", "atlassian"]);
    assert_eq!(near("githbu", names), ["github"]);
    assert_eq!(near("zzz", names), Vec::<String>::new());
    assert_eq!(near("a", ["b", "c"]), Vec::<String>::new());
}
