//! Standard input: what is read of it, for how long, and when it is left alone.

use crate::support::{Ran, Sandbox, end, server};
use serde_json::json;
use std::fs::File;
use std::process::Stdio;

const GET: [&str; 3] = ["get", "--request", "-"];

#[track_caller]
fn is_usage(ran: Ran, why: &str) {
    let refused = ran.fails("usage", 2);
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(refused.json()["error"]["code"], "usage");
}

#[test]
fn what_is_no_request_object_is_refused_before_anything_else() {
    let sandbox = Sandbox::new();
    for (input, why) in [
        (&b""[..], "empty"),
        (b"demo", "not JSON"),
        (b"{\"server\":\"demo\"}{}", "not JSON"),
        (b"{\"server\":\"de\0mo\"}", "not JSON"),
        (b"[]", "must be an object"),
        (br#"{"server":"a","server":"a"}"#, "`server` is there twice"),
        (br#"{"server":1}"#, "`server` must be a text"),
        (br#"{"version":2,"server":"demo"}"#, "`version` is not 1"),
        (b"{}", "no server is named"),
        (br#"{"server":"../demo"}"#, "not a server name"),
    ] {
        is_usage(sandbox.run_with(&GET, input), why);
    }
    let named = sandbox.run_with(&["get", "demo", "--request", "-"], b"[]").fails("usage", 2);
    assert_eq!(named.text("server"), "demo", "whoever typed the name is told it");
    let large = format!("{{\"server\":\"demo\"{}}}", " ".repeat(64 * 1024));
    is_usage(sandbox.run_with(&GET, large.as_bytes()), "larger than 64 KiB");
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    is_usage(sandbox.run_with(&GET, deep.as_bytes()), "not JSON");
    assert!(!sandbox.state("").exists());
}

#[test]
fn an_endless_input_is_read_no_further_than_the_limit() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&GET);
    command.stdin(File::open("/dev/zero").unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    is_usage(end(command.spawn().unwrap()), "larger than 64 KiB");
}

#[test]
fn an_input_that_does_not_end_ends_the_call_in_time() {
    let sandbox = Sandbox::new();
    for verb in ["get", "refresh", "erase"] {
        let mut command = sandbox.command(&[verb, "demo", "--request", "-", "--timeout", "0"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let held_open = child.stdin.take();
        end(child).fails("deadline", 75);
        drop(held_open);
    }
}

#[test]
fn without_the_option_standard_input_is_left_alone() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for arguments in [&["get", "demo"][..], &["refresh", "demo"], &["erase", "demo"]] {
        let mut command = sandbox.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let held_open = child.stdin.take();
        end(child).succeeds();
        drop(held_open);
    }
}

#[test]
fn the_option_takes_standard_input_and_nothing_else() {
    let sandbox = Sandbox::new();
    for arguments in
        [&["get", "demo", "--request", "file.json"][..], &["get", "--request"], &["get"], &["erase"]]
    {
        sandbox.run(arguments).fails("usage", 2);
    }
    let object = json!({"server": "demo"}).to_string();
    sandbox.run_with(&GET, object.as_bytes()).fails("not_found", 3);
}

#[test]
fn what_is_said_twice_must_not_be_contradictory() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let twice = |arguments: &[&str], object: serde_json::Value| {
        let arguments = [arguments, &["--request", "-"]].concat();
        sandbox.run_with(&arguments, object.to_string().as_bytes())
    };
    is_usage(twice(&["get", "demo"], json!({"server": "other"})), "the server");
    is_usage(
        twice(&["get", "demo", "--url", &server.mcp_url()], json!({"url": "https://a.example/"})),
        "the URL",
    );
    is_usage(twice(&["get", "demo", "--min-ttl", "1"], json!({"min_ttl": 2})), "the life");
    let rejected = ["refresh", "demo", "--rejected-generation", "a"];
    is_usage(twice(&rejected, json!({"rejected": {"generation": "b"}})), "the rejected token");
    is_usage(twice(&rejected, json!({"rejected": {"token": "a"}})), "the rejected token");
    let erase = ["erase", "demo", "--if-generation", "a"];
    is_usage(twice(&erase, json!({"rejected": {"generation": "b"}})), "the rejected token");
    let same = json!({"server": "demo", "url": server.mcp_url(), "min_ttl": 1});
    twice(&["get", "demo", "--url", &server.mcp_url(), "--min-ttl", "1"], same)
        .fails("interaction_required", 4);
}
