//! Streams that are closed, full or torn: the token is saved before it is printed (case 76).

use crate::support::{self, Ran, Running, Sandbox, ran, server};
use oauthserver::{OAuthServer, Patch};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, pipe};
use std::process::Stdio;

const REFRESH: &str = "refresh demo --rejected-generation";

fn held(sandbox: &Sandbox) -> String {
    sandbox.run(&["get", "demo"]).succeeds().text("generation")
}

/// Runs a refresh of the held generation with the streams that `redirection` makes, in a shell.
fn refresh_with(sandbox: &Sandbox, redirection: &str) -> Ran {
    let script = format!("exec \"$0\" {REFRESH} {} {redirection}", held(sandbox));
    ran(sandbox.shell(&script).output().unwrap())
}

/// The refresh of a moment ago has been saved, once.
#[track_caller]
fn is_saved(sandbox: &Sandbox, server: &OAuthServer, before: &str, refreshes: usize) {
    let after = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(after.text("source"), "cache");
    assert_ne!(after.text("generation"), before);
    assert_eq!((server.refreshes().len(), server.reuses()), (refreshes, 0));
    assert!(server.mcp_accepts(&after.text("access_token")));
}

#[test]
fn case_76_an_answer_that_cannot_be_printed_is_saved_and_told() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = held(&sandbox);
    let full = refresh_with(&sandbox, "> /dev/full").fails("other", 1);
    assert!(full.stderr.contains("standard output"), "{}", full.stderr);
    is_saved(&sandbox, &server, &before, 1);
    for format in ["json", "token", "header", "headers"] {
        let script = format!("exec \"$0\" get demo --format {format} > /dev/full");
        ran(sandbox.shell(&script).output().unwrap()).fails("other", 1);
    }
    for verb in ["list", "status", "capabilities", "erase demo", "--help", "get --help", "--version"] {
        let script = format!("exec \"$0\" {verb} > /dev/full");
        ran(sandbox.shell(&script).output().unwrap()).fails("other", 1);
    }
}

#[test]
fn case_76_a_reader_that_has_gone_is_a_failure_not_a_signal() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = held(&sandbox);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = sandbox.command(&["refresh", "demo", "--rejected-generation", &before]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let torn = ran(child.wait_with_output().unwrap()).fails("other", 1);
    assert!(torn.stderr.contains("standard output"), "{}", torn.stderr);
    is_saved(&sandbox, &server, &before, 1);
}

#[test]
fn case_76_an_answer_larger_than_a_pipe_that_does_not_block_arrives_whole() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let longest = "A".repeat(32 * 1024);
    server.reconfigure(|settings| settings.token_answer = Patch::new().set("access_token", longest.as_str()));
    sandbox.refresh().succeeds();
    let (mut reader, writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut command = sandbox.command(&["get", "demo"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    // The first write fills the pipe in one step; nothing is taken before.
    support::wait_for("a full pipe", || (rustix::io::ioctl_fionread(&reader).unwrap() > 0).then_some(()));
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    ran(child.wait_with_output().unwrap()).succeeds();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["access_token"], json!(longest));
}

#[test]
fn case_76_closed_streams_do_no_harm() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for (count, closed) in
        ["<&-", "2>&-", ">&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"].into_iter().enumerate()
    {
        let before = held(&sandbox);
        let files = sandbox.files();
        let ran = refresh_with(&sandbox, closed).succeeds();
        if closed.contains(" >&-") || closed.starts_with(">&-") {
            // A closed standard output is `/dev/null` to the program: the answer is lost, and nobody can tell.
            assert_eq!(ran.stdout, "", "{closed}");
        } else {
            assert_eq!(ran.text("source"), "refreshed", "{closed}");
        }
        is_saved(&sandbox, &server, &before, count + 1);
        assert_eq!(sandbox.files(), files, "{closed}");
    }
}

#[test]
fn case_76_a_failure_without_streams_keeps_its_exit_status() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", "https://mcp.example.com/mcp"]).succeeds();
    for closed in ["> /dev/full", "2> /dev/full", "2>&-", ">&-", "<&- >&- 2>&-", "> /dev/full 2> /dev/full"] {
        let script = format!("exec \"$0\" get demo {closed}");
        let ran = ran(sandbox.shell(&script).output().unwrap());
        assert_eq!(ran.status, 4, "{closed}: {ran:?}");
    }
}

#[test]
fn case_76_a_login_whose_terminal_has_gone_is_finished() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let mut command = sandbox.shell("exec \"$0\" login demo <&- >&- 2>&-");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    oauthserver::browser::visit(&sandbox.asked_url()).unwrap();
    Running::watch(child).end().succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn success_is_silent_and_failure_is_one_line() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let generation = held(&sandbox);
    for arguments in [
        &["get", "demo"][..],
        &["get", "demo", "--format", "headers"],
        &["refresh", "demo"],
        &["refresh", "demo", "--rejected-generation", &generation],
        &["capabilities"],
        &["list"],
        &["status", "demo"],
        &["erase", "demo"],
    ] {
        let ran = sandbox.run(arguments).succeeds();
        assert_eq!(ran.stderr, "", "{arguments:?}");
        assert!(ran.stdout.ends_with('\n') && ran.stdout.trim_end() != "", "{arguments:?}");
    }
    for (arguments, code, status) in [
        (&["get", "demo"][..], "interaction_required", 4),
        (&["get", "demo", "--format", "token"], "interaction_required", 4),
        (&["refresh", "demo", "--format", "headers"], "interaction_required", 4),
        (&["get", "nobody", "--format", "header"], "not_found", 3),
        (&["get", "demo", "--url", "https://evil.example"], "url_mismatch", 5),
        (&["status", "nobody"], "not_found", 3),
        (&["remove", "nobody"], "not_found", 3),
        (&["login", "nobody"], "not_found", 3),
    ] {
        let refused = sandbox.run(arguments).fails(code, status);
        if arguments.contains(&"--format") || !["get", "refresh"].contains(&arguments[0]) {
            assert_eq!(refused.stdout, "", "{arguments:?}");
        } else {
            assert_eq!(refused.json()["error"]["code"], code);
        }
    }
    assert!(fs::exists(sandbox.state("oauth")).unwrap());
}
