//! The program under strace: what it asked the system for, and what became of it when the system refused or
//! killed it there.

use crate::support::{Ran, Sandbox, end};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Calls by what they do; the names differ between machines, and `?` lets strace pass over missing ones.
pub const OPEN: &str = "?open,?openat,?openat2,?creat";
pub const RENAME: &str = "?rename,?renameat,?renameat2";
pub const UNLINK: &str = "?unlink,?unlinkat";
pub const SYNC: &str = "fsync,fdatasync";
pub const CREATE: &str = "?open,?openat,?openat2,?creat,?mkdir,?mkdirat";
pub const START: &str = "?fork,?vfork,?clone,?clone3";

/// Files of the store; the last is the directory of the records.
pub const DRAFT: Option<&str> = Some("demo.token.json.intent.draft");
pub const INTENT: Option<&str> = Some("demo.token.json.intent");
pub const NEXT: Option<&str> = Some("demo.token.json.next");
pub const RECORD: Option<&str> = Some("demo.token.json");
pub const KEY: Option<&str> = Some("key.bin");
pub const LOCK: Option<&str> = Some("demo.token.json.lock");
pub const DIRECTORY: Option<&str> = Some(".");

/// A run under strace.
pub struct Traced {
    /// What the program came to.
    pub ran: Ran,
    /// What strace wrote down.
    pub log: String,
}

/// A fault at a system call: of these names, on this file of the store (or on any), the how-manieth of each
/// process, and what happens: `error=EIO` or `signal=KILL`.
#[derive(Debug, Clone, Copy)]
pub struct Inject<'a> {
    pub calls: &'a str,
    pub file: Option<&'a str>,
    pub when: &'a str,
    pub what: &'a str,
}

/// SIGKILL at the how-manieth of these calls.
pub const fn kill_at<'a>(calls: &'a str, file: Option<&'a str>, when: &'a str) -> Inject<'a> {
    Inject { calls, file, when, what: "signal=KILL" }
}

impl Inject<'_> {
    /// What tells strace of it.
    pub fn options(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut options = vec![format!("--trace={}", self.calls)];
        options.push(format!("--inject={}:{}:when={}", self.calls, self.what, self.when));
        if let Some(file) = self.file {
            let place = if file == "key.bin" { sandbox.state("") } else { sandbox.state("oauth") };
            let path: PathBuf = place.join(file).components().collect();
            options.push(format!("--trace-path={}", path.display()));
        }
        options
    }
}

/// Starts the program under strace, which follows the worker and ends after it.
pub fn start(sandbox: &Sandbox, options: &[String], arguments: &[&str]) -> Child {
    let program = sandbox.command(arguments);
    let mut strace = command(sandbox, true, options);
    strace.arg("--").arg(program.get_program()).args(program.get_args()).env_clear().current_dir("/");
    strace.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    strace.spawn().expect("these tests need strace; install it (on Debian: apt-get install strace)")
}

/// Runs the program under strace until its worker has ended, too.
pub fn trace(sandbox: &Sandbox, options: &[String], arguments: &[&str]) -> Traced {
    let ran = end(start(sandbox, options, arguments));
    Traced { ran, log: fs::read_to_string(log_of(sandbox)).unwrap() }
}

/// Refreshes with a fault, which must have happened.
#[track_caller]
pub fn refresh_with(sandbox: &Sandbox, fault: Inject) -> Ran {
    let arguments = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &sandbox.generation()];
    let traced = trace(sandbox, &fault.options(sandbox), &arguments);
    let mark = if fault.what.starts_with("signal") { "+++ killed by SIGKILL" } else { "(INJECTED)" };
    assert!(traced.log.contains(mark), "{fault:?} did not happen: {}{:?}", traced.log, traced.ran);
    traced.ran
}

/// The same, without waiting for its end.
pub fn start_refresh_with(sandbox: &Sandbox, fault: Inject) -> Child {
    let arguments = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &sandbox.generation()];
    start(sandbox, &fault.options(sandbox), &arguments)
}

/// strace with these options, ready for `--` and a program. It follows children where it is told to.
pub fn command(sandbox: &Sandbox, follow: bool, options: &[String]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(follow.then_some("-f")).args(["-y", "-o"]).arg(log_of(sandbox)).args(options);
    strace
}

/// What strace wrote down last.
pub fn log_of(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("strace.log")
}
