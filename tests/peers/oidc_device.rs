//! A login on another device (RFC 8628) at oidc-provider: its device authorization endpoint, its pages, its polls.
//!
//! The sandbox has no display, and the person enters the code in another program with cookies of its own: nothing
//! but the address and the code on stderr leads from one to the other.

use crate::oidc_provider::Provider;
use crate::peer::HANG;
use crate::sandbox::{Answer, NAME, Sandbox};
use crate::story::{HOUR, SHORT};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Output};
use std::thread;
use std::time::{Duration, Instant};

/// The option of the server.
const DEVICES: [&str; 1] = ["--device-flow"];
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A login that waits for somebody on another device, and what it has shown.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    address: String,
    code: String,
    address_with_code: String,
}

impl Waiting {
    /// Starts the login and reads what a person would.
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut child = sandbox.start(arguments);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let mut line = || {
            let start = said.len();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it showed no code: {said}");
            said[start..].trim_end().to_owned()
        };
        let invitation = line();
        let (_, rest) = invitation.split_once("enter the code ").expect("a code");
        let code = rest.split(' ').next().unwrap().to_owned();
        let address = line();
        assert!(line().contains(&code), "the address with the code in it is announced");
        let address_with_code = line();
        Self { child, stderr, said, address, code, address_with_code }
    }

    /// Waits until the login ends.
    fn end(mut self) -> Answer {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let ended = self.child.wait_with_output().unwrap();
        Answer::of(&["login", NAME], &Output { stderr: self.said.into_bytes(), ..ended })
    }
}

/// Returns when the server has been asked for the token in vain.
fn wait_for_a_poll(provider: &Provider) {
    let deadline = Instant::now() + HANG;
    while provider.token_requests(GRANT).is_empty() {
        assert!(Instant::now() < deadline, "the login does not ask for its token");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_person_enters_the_code_on_another_device_and_the_token_opens_the_server() {
    let provider = Provider::with(HOUR, &DEVICES);
    let sandbox = Sandbox::for_server(provider.mcp());
    let login = Waiting::start(&sandbox, &["login", NAME, "--device"]);
    assert_eq!(login.address, format!("{}/device", provider.issuer()));
    wait_for_a_poll(&provider);
    let saw = sandbox.visit_elsewhere(&login.address, &login.code, "");
    assert!(saw.starts_with("Sign-in Success"), "{saw}");
    login.end().succeeded();

    let answer = sandbox.get().succeeded();
    assert_eq!(answer.text("source"), "cache");
    assert_eq!(answer.text("issuer"), provider.issuer());
    assert_eq!(answer.text("resource"), provider.mcp());
    assert!(provider.opens(&answer.text("access_token")), "the token does not open the MCP server");
    let [asked] = &provider.events("device_authorization")[..] else { panic!("one pair of codes") };
    assert_eq!((&asked["status"], &asked["resource"]), (&200.into(), &provider.mcp().into()));
    let polls = provider.token_requests(GRANT);
    let (last, before) = polls.split_last().expect("a poll");
    assert_eq!((&last["outcome"], &last["granted_scope"]), (&"success".into(), &"mcp:read mcp:write".into()));
    assert!(
        !before.is_empty() && before.iter().all(|poll| poll["error"] == "authorization_pending"),
        "{before:?}"
    );
    assert!(provider.events("authorization").is_empty(), "no browser came here");
}

/// Without a display, at a server that offers it, nobody needs to ask for it.
#[test]
fn such_a_login_is_renewed_after_its_token_has_expired() {
    let provider = Provider::with(SHORT, &DEVICES);
    let sandbox = Sandbox::for_server(provider.mcp());
    let login = Waiting::start(&sandbox, &["login", NAME]);
    let saw = sandbox.visit_elsewhere(&login.address_with_code, &login.code, "");
    assert!(saw.starts_with("Sign-in Success"), "{saw}");
    login.end().succeeded();
    provider.wait_until_the_newest_token_expired();
    provider.set_access_token_ttl(HOUR);

    let renewed = sandbox.get().succeeded();
    assert_eq!(renewed.text("source"), "refreshed");
    assert!(provider.opens(&renewed.text("access_token")));
    let [request] = &provider.token_requests("refresh_token")[..] else { panic!("one refresh") };
    assert_eq!((&request["outcome"], &request["resource"]), (&"success".into(), &provider.mcp().into()));
}

#[test]
fn a_person_who_aborts_on_the_other_device_is_taken_at_their_word() {
    let provider = Provider::with(HOUR, &DEVICES);
    let sandbox = Sandbox::for_server(provider.mcp());
    let login = Waiting::start(&sandbox, &["login", NAME, "--device"]);
    let saw = sandbox.visit_elsewhere(&login.address, &login.code, "abort");
    assert!(saw.contains("interrupted"), "{saw}");

    let refused = login.end().ended_with(6);
    assert!(refused.stderr().contains("[denied]"), "{}", refused.stderr());
    assert!(refused.stderr().contains("refused on the other device"), "{}", refused.stderr());
    let polls = provider.token_requests(GRANT);
    assert_eq!(polls.last().unwrap()["error"], "access_denied");
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}
