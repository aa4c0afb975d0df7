//! A login whose next refresh runs under strace, in the caller alone or in the worker alone, and what it came to.
//!
//! The worker is started as the program starts it: with the locked file as its standard input, a socket as its
//! standard output, no environment, and a job that the library writes.

use crate::points::{Point, points};
use crate::strace::{command, log_of};
use crate::support::{PROGRAM, Ran, Sandbox, end, server};
use mcp_credential::config::{self, Environment, Secrets};
use mcp_credential::store::{Slot, Store};
use mcp_credential::worker::{Job, Task, VERB};
use oauthserver::OAuthServer;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// Whose system calls are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The process that asks for a token.
    Caller,
    /// The process that renews it.
    Worker,
}

/// Somebody is logged in at a strict server.
pub struct Scene {
    pub server: OAuthServer,
    pub sandbox: Sandbox,
}

/// What a run said at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A token: its generation, and whether it is stored.
    Token(String, bool),
    /// A failure of this code.
    Failed(String),
    /// To its caller: look again.
    Again,
    /// It was killed.
    Nothing,
}

impl Scene {
    /// A new one.
    pub fn new() -> Self {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        Self { server, sandbox }
    }

    /// Every point of a refresh. How often a caller waits for the worker's next words, and for how long, is up to the
    /// scheduler: only the first of these calls is there in every run.
    pub fn points(&self, who: Who) -> Vec<Point> {
        let mut points = points(&self.sandbox.state(""), |options| self.refresh(who, options).1);
        let waits = |point: &Point| ["recvfrom", "setsockopt"].contains(&point.call.as_str());
        points.retain(|point| who == Who::Worker || !waits(point) || point.when == 1);
        points
    }

    /// Refreshes under strace: what was said, and strace's log. Nothing runs any more then.
    pub fn refresh(&self, who: Who, options: &[String]) -> (Said, String) {
        self.sandbox.forget_state();
        let said = match who {
            Who::Caller => self.caller(options),
            Who::Worker => self.worker(options),
        };
        self.sandbox.wait_for_rest();
        (said, fs::read_to_string(log_of(&self.sandbox)).unwrap())
    }

    fn caller(&self, options: &[String]) -> Said {
        let generation = self.sandbox.generation();
        let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &generation];
        let program = self.sandbox.command(&refresh);
        let mut strace = command(&self.sandbox, false, options);
        strace.arg("--").arg(program.get_program()).args(program.get_args()).env_clear().current_dir("/");
        strace.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        said_by_caller(&end(strace.spawn().unwrap()))
    }

    fn worker(&self, options: &[String]) -> Said {
        let sandbox = &self.sandbox;
        let environment = Environment::from_pairs([("HOME", sandbox.home())]);
        let loaded = config::load("demo", &environment).unwrap();
        let store = Store::new(loaded.machine.state_dir, Some(loaded.cache_dir), loaded.key);
        let held =
            Slot::new(&store, "demo").token_lock().try_take().unwrap().expect("nobody else works here");
        let task = Task::Renew { generation: sandbox.generation(), challenge: None };
        let network = loaded.machine.network;
        let job = Job::new(&store, loaded.server.unwrap(), Secrets::default(), network, task, 0);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut strace = command(sandbox, true, options);
        strace.args(["--", PROGRAM, VERB]).env_clear().current_dir("/").stdin(held.into_stdio());
        strace.stdout(Stdio::from(OwnedFd::from(theirs))).stderr(Stdio::piped());
        let child = strace.spawn().unwrap();
        drop(strace);
        // One that was killed before it could read has nothing to answer.
        let _ = job.write(&ours).and_then(|()| ours.shutdown(Shutdown::Write));
        let mut answer = String::new();
        let _ = ours.read_to_string(&mut answer);
        end(child);
        said_by_worker(&answer)
    }
}

fn said_by_caller(ran: &Ran) -> Said {
    match ran.status {
        -1 => Said::Nothing,
        0 => Said::Token(ran.text("generation"), ran.json().get("persisted").is_none()),
        _ => {
            let error = ran.json();
            Said::Failed(error["error"]["code"].as_str().unwrap().to_owned())
        }
    }
}

fn said_by_worker(lines: &str) -> Said {
    let Some(last) = lines.lines().last() else { return Said::Nothing };
    let message: Value = serde_json::from_str(last).unwrap();
    if message == "Again" {
        return Said::Again;
    }
    if let Some(done) = message.get("Done") {
        let generation = done["clear"]["generation"].as_str().unwrap().to_owned();
        return Said::Token(generation, done["persisted"] == true);
    }
    Said::Failed(message["Failed"]["code"].as_str().unwrap_or_else(|| panic!("{last}")).to_owned())
}
