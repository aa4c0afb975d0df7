//! A server of this folder as a child process, and what it saw.
//!
//! Owns: the life of the server, its record of requests, its MCP endpoint.
//! Refuses to know: the helper, and which server it is.

use crate::http::{self, Answer};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/venv");

/// How long to wait for something that must happen. A guard against a hang, no measurement.
pub const HANG: Duration = Duration::from_secs(120);

/// What servers record. Not all of them know every kind.
pub const KINDS: [&str; 7] =
    ["registration", "authorization", "device_authorization", "token", "revocation", "grant_revoked", "mcp"];

/// A running server. Dropping it ends the process, and prints what the server saw when a test failed.
pub struct Peer {
    process: Child,
    ready: Value,
}

impl Peer {
    /// Starts a server of this folder that runs in Node.js.
    pub fn node(script: &str, options: &[&str]) -> Self {
        assert_installed(&Path::new(FOLDER).join("node_modules"));
        Self::start(Command::new("node").arg(format!("{FOLDER}/{script}")).args(options))
    }

    /// Starts a server of this folder that runs in Python.
    pub fn python(script: &str, options: &[&str]) -> Self {
        assert_installed(Path::new(VENV));
        Self::start(
            Command::new(format!("{VENV}/bin/python")).arg(format!("{FOLDER}/{script}")).args(options),
        )
    }

    fn start(command: &mut Command) -> Self {
        let command = command.arg("--until-stdin-closes").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("run tests/peers/install.sh, which says what to install");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).expect("the server did not start; its stderr says why");
        Self { process, ready }
    }

    /// Something that the server said when it was ready.
    pub fn said(&self, member: &str) -> &Value {
        &self.ready[member]
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        self.ready["issuer"].as_str().unwrap()
    }

    /// The URL of the MCP server.
    pub fn mcp(&self) -> &str {
        self.ready["mcp"].as_str().unwrap()
    }

    /// Whether the MCP server answers a request with this token.
    pub fn opens(&self, token: &str) -> bool {
        let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",
            "capabilities":{},"clientInfo":{"name":"peers","version":"1"}}}"#;
        let answer = http::request("POST", self.mcp(), Some(token), hello);
        answer.status == 200 && answer.body.contains("\"result\"")
    }

    /// Everything of one of the [`KINDS`] that the server saw, in order.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.control("GET", "/events", "").json();
        all.as_array().unwrap().iter().filter(|event| event["event"] == kind).cloned().collect()
    }

    /// The token requests with this grant type that were not our own replays.
    pub fn token_requests(&self, grant_type: &str) -> Vec<Value> {
        let mut requests = self.events("token");
        requests.retain(|event| event["grant_type"] == grant_type && event["replay"] == false);
        requests
    }

    /// New access tokens live this many seconds from now on.
    pub fn set_access_token_ttl(&self, seconds: u32) {
        let answer = self.control("PUT", "/access-token-ttl", &seconds.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Returns when the access token that was issued last has expired.
    pub fn wait_until_the_newest_token_expired(&self) {
        let deadline = Instant::now() + HANG;
        while self.control("GET", "/newest-access-token", "").json()["expired"] == false {
            assert!(Instant::now() < deadline, "the access token does not expire");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Redeems the refresh token that was rotated last, as a thief would; the token endpoint's answer.
    pub fn replay_the_spent_refresh_token(&self) -> Value {
        let answer = self.control("POST", "/replay", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Lets the server forget every client that was registered, as a restart with its memory lost would.
    pub fn forget_clients(&self) {
        let answer = self.control("POST", "/forget-clients", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Lets the server forget every access token, but no refresh token.
    pub fn forget_access_tokens(&self) {
        let answer = self.control("POST", "/forget-access-tokens", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.ready["control"].as_str().unwrap());
        http::request(method, &url, None, body)
    }
}

fn assert_installed(folder: &Path) {
    let stamp = folder.join(".lock-digest");
    assert!(stamp.exists(), "{} is not installed. Run: tests/peers/install.sh", folder.display());
}

impl Drop for Peer {
    fn drop(&mut self) {
        let alive = matches!(self.process.try_wait(), Ok(None));
        if alive && thread::panicking() {
            for kind in KINDS {
                self.events(kind).iter().for_each(|event| eprintln!("the server saw: {event}"));
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
