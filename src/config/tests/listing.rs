//! All servers at once.

use super::*;
use crate::config::{Listed, load_all, names_at};
use std::path::Path;

fn listed(home: &Home, more: &[(&str, &str)]) -> Vec<Listed> {
    load_all(&home.env(more)).unwrap().servers
}

#[test]
fn nothing_is_an_empty_list() {
    assert!(listed(&Home::new(), &[]).is_empty());
    assert!(listed(&Home::with(r#"{"servers":{}}"#), &[]).is_empty());
}

#[test]
fn one_wrong_entry_does_not_hide_the_others() {
    let home = Home::with(
        r#"{"servers":{"b":{"url":"https://b.example"},"a":{"url":"nowhere"},"c":{"url":"https://c.example"}}}"#,
    );
    let all = listed(&home, &[]);
    assert_eq!(all.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(all[0].server.as_ref().unwrap().url, "https://b.example");
    let failure = all[1].server.as_ref().unwrap_err();
    assert_says(failure, Code::ConfigInvalid, &["`servers.a.url`"]);
    assert_eq!(failure.server.as_deref(), Some("a"));
    assert!(all[2].server.is_ok());
}

#[test]
fn names_that_stand_twice_are_reported_once() {
    let home =
        Home::with(r#"{"servers":{"a":{"url":"https://a.example"},"b":{"url":"https://b.example"},"a":{}}}"#);
    let all = listed(&home, &[]);
    assert_eq!(all.len(), 2);
    assert_says(all[0].server.as_ref().unwrap_err(), Code::ConfigInvalid, &["`servers.a`", "twice"]);
    assert!(all[1].server.is_ok());
}

#[test]
fn names_that_differ_only_in_case_are_reported_both() {
    let home = Home::with(r#"{"servers":{"a":{"url":"https://a.example"},"A":{"url":"https://b.example"}}}"#);
    for server in listed(&home, &[]) {
        assert_says(&server.server.unwrap_err(), Code::ConfigInvalid, &["only in case"]);
    }
}

#[test]
fn a_key_that_is_no_name_is_reported() {
    let home =
        Home::with(r#"{"servers":{"../a":{"url":"https://a.example"},"nul":{"url":"https://a.example"}}}"#);
    for server in listed(&home, &[]) {
        assert_says(
            &server.server.unwrap_err(),
            Code::ConfigInvalid,
            &["is not a server name", "config.json"],
        );
    }
}

#[test]
fn the_environment_moves_the_records_and_nothing_else() {
    let home = Home::with(
        r#"{"servers":{"a":{"url":"https://a.example"},"b":{"url":"https://b.example","oauth2":{"tokenCacheDir":"/nowhere/b"}}}}"#,
    );
    let dirs =
        |more: &[(&str, &str)]| listed(&home, more).into_iter().map(|one| one.cache_dir).collect::<Vec<_>>();
    assert_eq!(dirs(&[]), [home.dir.join(".mcp-credential/oauth"), "/nowhere/b".into()]);
    let more = [
        ("OAUTH2_TOKEN_CACHE_DIR", "/nowhere/e"),
        ("UPSTREAM_URL", "https://e.example"),
        ("OAUTH2_SCOPE", "e"),
    ];
    assert_eq!(dirs(&more), [Path::new("/nowhere/e"), Path::new("/nowhere/e")]);
    assert!(listed(&home, &more).iter().all(|one| one.server.as_ref().unwrap().scope.is_none()));
    assert_ne!(listed(&home, &more)[0].server.as_ref().unwrap().url, "https://e.example");
}

#[test]
fn servers_are_found_by_their_whole_url() {
    let home = Home::with(
        r#"{"servers":{"a":{"url":"https://m.example/mcp"},"b":{"url":"https://m.example/mcp/x"},
            "c":{"url":"HTTPS://M.example:443/mcp"},"d":7,"e":{}}}"#,
    );
    assert_eq!(names_at("https://m.example/mcp", &home.env(&[])).unwrap(), ["a", "c"]);
    assert!(names_at("https://m.example", &home.env(&[])).unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn a_secret_in_any_entry_counts_for_the_warning() {
    let home =
        Home::with(r#"{"servers":{"a":{"url":"https://a.example"},"b":{"oauth2":{"clientSecret":"s"}}}}"#);
    set_mode(&home.file(), 0o644);
    let warnings = load_all(&home.env(&[])).unwrap().machine.warnings;
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}
