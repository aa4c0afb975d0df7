//! What is typed or handed over as the name or the URL of a server, through every verb: a name that is none is a
//! usage error, and so is nothing else; a URL is judged by the host that is meant (cases 1, 2 and 5).

mod support;

use serde_json::json;
use std::fs;
use support::{Ran, Sandbox, server};

/// The verbs that take a name, with what else they need.
const VERBS: [(&str, &[&str]); 8] = [
    ("get", &[]),
    ("refresh", &[]),
    ("erase", &[]),
    ("status", &[]),
    ("login", &[]),
    ("logout", &[]),
    ("remove", &[]),
    ("add", &["https://mcp.example.com/mcp"]),
];

/// Every verb with `name`, behind `--` where it could be taken for an option.
fn every_verb(sandbox: &Sandbox, name: &str) -> Vec<Ran> {
    let run = |(verb, rest): &(&str, &[&str])| sandbox.run(&[&[verb, "--", name], *rest].concat());
    VERBS.iter().map(run).collect()
}

/// A usage error of one plain line, on stdout as well where that is one document.
#[track_caller]
fn is_usage(ran: Ran) -> Ran {
    let ran = ran.fails("usage", 2);
    if !ran.stdout.is_empty() {
        assert_eq!(ran.json()["error"]["code"], "usage", "{ran:?}");
    }
    let acts = |character: char| character.is_control() || "\u{202e}\u{2066}".contains(character);
    assert!(!ran.stderr.trim_end().contains(acts) && !ran.stdout.trim_end().contains(acts), "{ran:?}");
    assert!(ran.stderr.chars().count() < 1000, "{ran:?}");
    ran
}

/// No server was named, nothing is stored, and nobody was asked.
#[track_caller]
fn nothing_is_known(sandbox: &Sandbox) {
    assert!(!sandbox.state("config.json").exists() && !sandbox.state("oauth").exists());
    assert_eq!(
        fs::read_dir(sandbox.home()).unwrap().flatten().filter(is_ours).count(),
        0,
        "beside its place"
    );
    assert_eq!(sandbox.opened(), [""; 0]);
}

/// Whether it is neither the browser of the sandbox nor the state directory.
fn is_ours(entry: &fs::DirEntry) -> bool {
    !["browser", ".mcp-credential"].iter().any(|name| entry.file_name() == *name)
}

#[test]
fn case_1_what_could_be_a_path_a_flag_or_a_device_is_a_usage_error_of_every_verb() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    for name in [
        "../../x",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "..",
        "CON",
        "nul.txt",
        "",
        &long,
        "-rf",
        "--",
        "x.lock",
        "*",
    ] {
        for ran in every_verb(&sandbox, name) {
            is_usage(ran);
        }
    }
    for (verb, rest) in VERBS {
        let flag = sandbox.run(&[&[verb, "-rf"], rest].concat());
        assert_eq!(flag.status, 2, "{verb}: {flag:?}");
        assert!(flag.stdout.is_empty() || flag.json()["error"]["code"] == "usage", "{verb}: {flag:?}");
    }
    nothing_is_known(&sandbox);
}

#[test]
fn case_1_a_name_that_is_handed_over_is_judged_as_one_that_is_typed() {
    let sandbox = Sandbox::new();
    // No argument can hold a NUL, so this is where one could come in.
    let long = "x".repeat(300);
    for name in ["a\0b", "\0", "../../x", "a/b", "CON", "", "-rf", &long, "a\nb", "a\u{1b}[31mb"] {
        for verb in ["get", "refresh", "erase"] {
            let object = json!({"version": 1, "server": name}).to_string();
            is_usage(sandbox.run_with(&[verb, "--request", "-"], object.as_bytes()));
        }
    }
    nothing_is_known(&sandbox);
}

#[test]
fn case_2_control_characters_in_a_name_are_shown_escaped_by_every_verb() {
    let sandbox = Sandbox::new();
    for (name, shown) in [
        ("a\nb", "a b"),
        ("a\rb", "a b"),
        ("a\r\nmcp-credential: ok", "a mcp-credential: ok"),
        ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
        ("a\u{1b}]0;title\u{7}b", "a\\u{1b}]0;title\\u{7}b"),
        ("a\u{9b}31mb", "a\\u{9b}31mb"),
        ("a\u{202e}b", "a\\u{202e}b"),
    ] {
        for ran in every_verb(&sandbox, name) {
            let ran = is_usage(ran);
            assert!(ran.stderr.contains(&format!("`{shown}`")), "{name:?}: {ran:?}");
        }
    }
    nothing_is_known(&sandbox);
}

#[test]
fn case_5_plain_http_is_judged_by_the_host_that_is_meant() {
    let server = server(3600);
    let url = |host: &str| server.mcp_url().replace("127.0.0.1", host);
    for host in ["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "127.0.0.1"] {
        let sandbox = Sandbox::new();
        sandbox.run(&["add", "demo", &url(host)]).succeeds();
        sandbox.login("demo").succeeds();
        let token = sandbox.run(&["get", "demo", "--url", &url(host)]).succeeds().text("access_token");
        assert!(server.mcp_accepts(&token), "{host}");
    }
    for host in ["localhost.", "LOCALHOST", "[::1]", "127.255.255.254"] {
        Sandbox::new().run(&["add", "demo", &url(host)]).succeeds();
    }
    let before = server.requests().len();
    for host in [
        "128.1",
        "0x80.1",
        "0x08080808",
        "0.0.0.0",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "[::2]",
        "[::ffff:8.8.8.8]",
    ] {
        let url = url(host);
        let sandbox = Sandbox::new();
        sandbox.run(&["add", "demo", &url]).fails("config_invalid", 2);
        sandbox.run(&["login", "demo", "--url", &url]).fails("config_invalid", 2);
        nothing_is_known(&sandbox);
        let sandbox = sandbox.variable("UPSTREAM_URL", &url);
        sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    }
    assert_eq!(server.requests().len(), before);
}
