//! What the program says of itself: `--help`, `--version`, `capabilities`, and wrong command lines.

use crate::support::{Ran, Sandbox};
use serde_json::json;

/// Every verb and the options that its help must name, besides `--log`.
const VERBS: [(&str, &[&str]); 11] = [
    (
        "get",
        &[
            "[NAME]",
            "--request",
            "--from-env",
            "--format",
            "--url",
            "--timeout",
            "--interactive",
            "--min-ttl",
        ],
    ),
    (
        "refresh",
        &[
            "[NAME]",
            "--request",
            "--from-env",
            "--format",
            "--url",
            "--timeout",
            "--interactive",
            "--rejected-generation",
        ],
    ),
    ("erase", &["[NAME]", "--request", "--if-generation", "--scope", "--revoke", "--timeout"]),
    ("login", &["<NAME>", "--scope", "--url", "--interactive", "--paste", "--timeout"]),
    ("logout", &["<NAME>", "--scope", "--timeout"]),
    (
        "add",
        &[
            "<NAME>",
            "<URL>",
            "--client-id",
            "--client-secret-file",
            "--client-secret-env",
            "--scope",
            "--grant",
            "--token-url",
            "--authorization-url",
            "--issuer",
            "--client-metadata-url",
            "--metadata-url",
            "--trusted-issuer",
            "--allow-missing-pkce-metadata",
            "--allow-private-host",
            "--callback-port",
        ],
    ),
    ("remove", &["<NAME>"]),
    ("list", &["--format"]),
    ("status", &["[NAME]", "--format"]),
    ("capabilities", &[]),
    (
        "client-metadata",
        &["--url", "--client-name", "--client-uri", "--callback-port", "--jwks-uri", "--redirect-uri"],
    ),
];

#[track_caller]
fn is_help(ran: Ran) -> String {
    let ran = ran.succeeds();
    assert_eq!(ran.stderr, "");
    ran.stdout
}

#[test]
fn every_verb_explains_its_options() {
    let sandbox = Sandbox::new();
    for (verb, options) in VERBS {
        let help = is_help(sandbox.run(&[verb, "--help"]));
        assert!(help.contains(&format!("Usage: mcp-credential {verb}")), "{help}");
        for option in options.iter().chain(&["--log", "--help"]) {
            assert!(help.contains(option), "{verb} {option}: {help}");
        }
        assert_eq!(is_help(sandbox.run(&["help", verb])), help);
    }
    let help = is_help(sandbox.run(&["--help"]));
    assert!(VERBS.iter().all(|(verb, _)| help.contains(&format!("\n  {verb} "))), "{help}");
    assert!(!help.contains("__"), "hidden verbs stay hidden: {help}");
    assert!(help.contains("mcp-credential login demo"), "it begins with an example: {help}");
    let status =
        ["0 here", "1 something", "2 correct", "3 add", "4 log in", "5 something", "6 refused", "75 try"];
    for told in status.iter().chain(&["~/.mcp-credential", "MCP_CREDENTIAL_HOME"]) {
        assert!(help.contains(told), "{told}: {help}");
    }
    assert_eq!(
        is_help(sandbox.run(&["--version"])),
        concat!("mcp-credential ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(!sandbox.state("").exists());
}

#[test]
fn capabilities_name_verbs_and_formats_for_programs() {
    let ran = Sandbox::new().run(&["capabilities"]).succeeds();
    assert_eq!(ran.stderr, "");
    let answer = ran.json();
    assert_eq!(answer["versions"], json!([1]));
    assert_eq!(answer["formats"], json!(["json", "headers", "token", "header"]));
    let names = answer["verbs"].as_array().unwrap();
    let verbs: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(verbs, VERBS.map(|(verb, _)| verb));
    let features = answer["features"].as_array().unwrap();
    for feature in ["conditional_erase", "rejected_generation", "min_ttl", "client_credentials"] {
        assert!(features.contains(&json!(feature)), "{feature}");
    }
}

#[test]
fn a_wrong_command_line_of_a_machine_verb_is_one_line_and_one_document() {
    let sandbox = Sandbox::new();
    for (arguments, said) in [
        (&["get"][..], "<NAME>"),
        (&["get", "demo", "--nonsense"], "--nonsense"),
        (&["get", "demo", "--format", "xml"], "xml"),
        (&["get", "demo", "--timeout", "soon"], "soon"),
        (&["get", "demo", "other"], "other"),
        (&["refresh", "demo", "--rejected-generation"], "--rejected-generation"),
        (&["refresh", "demo", "--rejected-generation", ""], "--rejected-generation"),
        (&["refresh", "demo", "--rejected-generation="], "--rejected-generation"),
        (&["erase", "demo", "--if-generation", ""], "--if-generation"),
        (&["get", "--url", "https://mcp.example.com/mcp"], "or `--from-env` or `--request -`"),
        (&["refresh"], "or `--from-env` or `--request -`"),
        (&["erase"], "or `--request -`"),
        (&["get", "demo", "--timeout", "-1"], "whole seconds from 0 to 86400"),
        (&["get", "demo", "--timeout", "86401"], "whole seconds from 0 to 86400"),
        (&["get", "demo", "--min-ttl", "-1"], "whole seconds"),
        (&["get", "demo", "--protocol", "2"], "this program speaks version 1 alone"),
        (&["erase", "demo", "--scope", "some"], "some"),
        (&["erase"], "<NAME>"),
    ] {
        let refused = sandbox.run(arguments).fails("usage", 2);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(&format!("mcp-credential {} --help", arguments[0])), "{refused:?}");
        if !arguments.contains(&"--format") {
            let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(said), "{arguments:?}: {message}");
        }
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error_for_people_too() {
    let sandbox = Sandbox::new();
    for arguments in [&[][..], &["nonsense"], &["add", "demo"], &["list", "--nonsense"], &["login"]] {
        let refused = sandbox.run(arguments);
        assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(refused.stderr.contains("Usage: mcp-credential"), "{arguments:?}: {}", refused.stderr);
    }
    let refused = sandbox.run(&["get", "demo", "--log", "loud"]).fails("usage", 2);
    assert!(refused.stderr.contains("off, error, warn, info, debug or trace"), "{}", refused.stderr);
}

#[test]
fn what_was_typed_does_not_act_on_the_terminal() {
    let sandbox = Sandbox::new();
    for arguments in [["get", "--\u{1b}[31m"], ["list", "--\u{1b}]0;x\u{7}"], ["\u{1b}[2J", "x"]] {
        let refused = sandbox.run(&arguments);
        assert_eq!(refused.status, 2);
        assert!(!refused.stderr.contains(['\u{1b}', '\u{7}']) && !refused.stdout.contains('\u{1b}'));
    }
}

#[test]
fn the_hidden_verbs_do_nothing_when_a_person_types_them() {
    let sandbox = Sandbox::new();
    for verb in ["__redeem", "__open-browser"] {
        let ran = sandbox.run(&[verb]);
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", ""), "{verb}");
    }
    assert!(!sandbox.state("").exists() && sandbox.opened().is_empty());
}

#[test]
fn the_options_of_every_verb_may_stand_before_it_as_well() {
    let sandbox = Sandbox::new();
    for arguments in [&["--log", "debug", "list"][..], &["--log=debug", "--protocol", "1", "list"]] {
        sandbox.run(arguments).succeeds();
    }
    let both = sandbox.run(&["--log", "off", "get", "demo", "--log", "debug"]).fails("not_found", 3);
    assert_eq!(both.stderr.lines().count(), 1, "{}", both.stderr);
    let refused = sandbox.run(&["--log", "debug", "get", "demo", "--nonsense"]).fails("usage", 2);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("--nonsense"));
    let refused = sandbox.run(&["--protocol", "2", "get", "demo"]).fails("usage", 2);
    assert!(refused.stderr.contains("this program speaks version 1 alone"), "{}", refused.stderr);
}
