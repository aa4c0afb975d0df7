//! Logins of the real program, in little memory, at servers that flood, compress, nest, redirect, drip or fall
//! silent where a short answer is due: each ends with its code, nothing is sent elsewhere, and the next login works
//! (cases 17-19 and 21).

mod gzip;
mod mcp;
mod registration;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::{Document, Endpoint, Fault, Logged, OAuthServer, Times, browser};
use serde_json::json;
use std::fs;
use std::process::Stdio;
use support::{Ran, Running, Sandbox, server, wait_for};

/// More than any part of the program reads.
const MUCH: usize = 8 << 20;

/// A login within a gigabyte of memory, with a person at the browser if one opens.
fn login(sandbox: &Sandbox) -> Ran {
    sandbox.forget_browser();
    let script = r#"ulimit -v 1048576; exec "$0" login demo --timeout 60"#;
    let mut command = sandbox.shell(script);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::watch(command.spawn().unwrap());
    let opened = wait_for("a browser, or the end", || match sandbox.opened().first() {
        Some(url) => Some(Some(url.clone())),
        None => running.has_ended().then_some(None),
    });
    if let Some(url) = opened {
        browser::visit(&url).unwrap();
    }
    running.end()
}

/// A sandbox for a server that does this at `endpoint`, whenever it is asked.
fn always(server: &OAuthServer, endpoint: Endpoint, fault: Fault) -> Sandbox {
    let sandbox = Sandbox::with(server);
    server.fault(endpoint, fault, Times::Always);
    sandbox
}

/// The fault was met, and without it a login works.
#[track_caller]
fn passes(server: &OAuthServer, sandbox: &Sandbox) {
    assert!(server.log().faults_fired() > 0, "nothing was met");
    server.clear_faults();
    login(sandbox).succeeds();
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    assert!(server.mcp_accepts(&token));
}

fn json_body(body: impl Into<Vec<u8>>) -> Fault {
    Fault::body(200, "application/json", body)
}

fn compressed(body: Vec<u8>) -> Fault {
    json_body(body).header("Content-Encoding", "gzip")
}

/// Nothing but brackets, as many as fit into an answer that is read and more; and a document with an unknown member
/// of that depth.
fn deep() -> Vec<Fault> {
    let nested = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let whole = format!(
        r#"{{"access_token":"a","token_type":"Bearer","client_id":"c","resource":"x","issuer":"x","deep":{nested}}}"#
    );
    vec![json_body("[".repeat(60_000)), json_body("[".repeat(100_000)), json_body(whole)]
}

/// A token answer as it should be.
fn token_answer() -> Vec<u8> {
    json!({"access_token": "a", "token_type": "Bearer", "expires_in": 3600}).to_string().into_bytes()
}

/// A body as it is and as a bomb, both small enough to be read as they come.
fn packed(truth: &[u8]) -> [Fault; 2] {
    let bodies = [gzip::stored(truth), gzip::bomb(truth, MUCH)];
    assert!(bodies.iter().all(|body| body.len() < 64 * 1024));
    bodies.map(compressed)
}

#[test]
fn compressed_server_metadata_is_not_unpacked_be_it_a_bomb_or_the_plain_truth_case_17() {
    for kind in 0..2 {
        let server = server(3600);
        let path = server.document_path(Document::OAuthInsert);
        let truth = browser::get(&format!("{}{path}", server.origin())).unwrap().body;
        let sandbox = always(&server, Endpoint::ServerMetadata, packed(truth.as_bytes())[kind].clone());
        let refused = login(&sandbox).ends("unavailable", 75);
        assert!(!refused.stderr.contains("too large"), "nothing was unpacked: {refused:?}");
        assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0));
        passes(&server, &sandbox);
        let ours =
            |seen: &Logged| seen.header("user-agent").is_some_and(|name| name.starts_with("mcp-credential/"));
        let requests: Vec<Logged> = server.requests().into_iter().filter(ours).collect();
        assert!(
            requests.len() > 5
                && requests.iter().all(|seen| seen.header("accept-encoding") == Some("identity"))
        );
    }
}

#[test]
fn a_compressed_description_of_a_resource_is_not_unpacked_case_17() {
    let other = server(3600);
    for kind in 0..2 {
        let server = server(3600);
        let description = json!({"resource": server.mcp_url(), "authorization_servers": [other.issuer()]});
        let fault = packed(description.to_string().as_bytes())[kind].clone();
        let sandbox = always(&server, Endpoint::ResourceMetadata, fault);
        let refused = login(&sandbox).ends("unavailable", 75);
        assert!(!refused.stderr.contains("too large"), "nothing was unpacked: {refused:?}");
        assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0));
        passes(&server, &sandbox);
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_compressed_registration_or_token_is_not_unpacked_case_17() {
    for (endpoint, truth) in [
        (Endpoint::Register, json!({"client_id": "c"}).to_string().into_bytes()),
        (Endpoint::Token, token_answer()),
    ] {
        for fault in packed(&truth) {
            let server = server(3600);
            let sandbox = always(&server, endpoint.clone(), fault);
            let refused = login(&sandbox).ends("unavailable", 75);
            assert!(!refused.stderr.contains("too large"), "nothing was unpacked: {refused:?}");
            assert!(!sandbox.record().exists());
            passes(&server, &sandbox);
        }
    }
}

#[test]
fn a_hundred_thousand_levels_of_json_end_a_login_cleanly_wherever_they_stand_case_17() {
    for endpoint in [
        Endpoint::ServerMetadata,
        Endpoint::ResourceMetadata,
        Endpoint::Register,
        Endpoint::Token,
        Endpoint::Mcp,
    ] {
        for fault in deep() {
            let server = server(3600);
            let sandbox = always(&server, endpoint.clone(), fault);
            let ran = login(&sandbox);
            let too_large = endpoint == Endpoint::Token && ran.stderr.contains("too large");
            match endpoint {
                // Of its answer to the first question only the head is read.
                Endpoint::Mcp => ran.succeeds(),
                // What is larger than any token answer is no accident.
                Endpoint::Token if too_large => ran.ends("untrusted_server", 5),
                _ => ran.ends("unavailable", 75),
            };
            passes(&server, &sandbox);
        }
    }
}

#[test]
fn a_flood_in_place_of_the_first_token_is_cut_off_in_little_memory_case_17() {
    for flood in [Fault::BigBody(2 << 30), Fault::Endless] {
        let server = server(3600);
        let sandbox = always(&server, Endpoint::Token, flood);
        let refused = login(&sandbox).ends("untrusted_server", 5);
        assert!(refused.stderr.contains("too large"), "{refused:?}");
        assert_eq!(server.token_requests().len(), 1, "a code is sent once: {refused:?}");
        assert!(!sandbox.record().exists());
        passes(&server, &sandbox);
    }
}

#[test]
fn a_flood_in_place_of_a_renewed_token_is_cut_off_in_little_memory_case_17() {
    for flood in [Fault::BigBody(2 << 30), Fault::Endless] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        let record = fs::read(sandbox.record()).unwrap();
        server.fault(Endpoint::Refresh, flood, Times::Always);
        let refresh = format!("refresh demo --rejected-generation {}", sandbox.generation());
        let mut command = sandbox.shell(&format!(r#"ulimit -v 1048576; exec "$0" {refresh} --timeout 60"#));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        support::end(command.spawn().unwrap()).ends("untrusted_server", 5);
        assert_eq!(fs::read(sandbox.record()).unwrap(), record);
        passes(&server, &sandbox);
    }
}
