//! The processes of a sandbox: callers in a group of their own, the workers that they leave behind, and
//! signals to both. Finds processes in `/proc`, so Linux only.

use super::{Ran, Sandbox, end, wait_for};
use oauthserver::OAuthServer;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A caller that leads a process group of its own, as one that a header consumer has started.
pub struct Caller(Child);

impl Sandbox {
    /// Starts the program as the leader of a new process group.
    pub fn start_group(&self, arguments: &[&str]) -> Caller {
        Caller::start(self.command(arguments))
    }

    /// The same for `refresh` of the stored token, which needs a new one at once. It minds every signal, also
    /// where the tests were started so that they ignore some, which children inherit.
    pub fn start_refresh(&self) -> Caller {
        let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &self.generation()];
        let mut command = self.shell(r#"exec env --default-signal "$0" "$@""#);
        command.args(refresh);
        Caller::start(command)
    }

    /// The refresh processes that work on this sandbox.
    pub fn workers(&self) -> Vec<Pid> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|pid| self.is_worker(*pid)).filter_map(Pid::from_raw).collect()
    }

    /// The one refresh process, as soon as there is one.
    pub fn worker(&self) -> Pid {
        wait_for("a worker", || self.workers().first().copied())
    }

    /// Waits until no refresh process works on this sandbox.
    #[track_caller]
    pub fn wait_for_rest(&self) {
        wait_for("the workers to end", || self.workers().is_empty().then_some(()));
    }

    /// Waits for a generation other than `before`, and tells it.
    #[track_caller]
    pub fn wait_for_successor(&self, before: &str) -> String {
        wait_for("a new generation", || Some(self.generation()).filter(|stored| stored != before))
    }

    /// How far a call has come, counted in pages that it and its workers have touched for the first time: unlike
    /// time, that is much the same on every machine.
    pub fn progress(&self, caller: &Caller) -> u64 {
        page_faults(Pid::from_child(&caller.0)) + self.workers().into_iter().map(page_faults).sum::<u64>()
    }

    fn is_worker(&self, pid: i32) -> bool {
        let process = Path::new("/proc").join(pid.to_string());
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let is_ours = |link: fs::DirEntry| {
            fs::read_link(link.path()).is_ok_and(|target| target.starts_with(self.home()))
        };
        line.split(|byte| *byte == 0).any(|word| word == b"__redeem")
            && fs::read_dir(process.join("fd")).is_ok_and(|links| links.flatten().any(is_ours))
    }
}

impl Caller {
    fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Self(command.spawn().unwrap())
    }

    /// Sends `signal` to the whole group, and waits until the caller is dead of it.
    pub fn kill(self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.0), signal).unwrap();
        assert_eq!(end(self.0).status, -1, "it died of the signal");
    }

    /// Waits for its end.
    pub fn end(self) -> Ran {
        end(self.0)
    }

    /// Waits for the first line on its stderr.
    pub fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }
}

/// The page faults of a process that needed no disk: 0 of one that is gone.
fn page_faults(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    fields.split(' ').nth(7).and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// Ends a process for good.
pub fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
}

/// Stops a process, and waits until it stands still.
pub fn stop(pid: Pid) {
    kill_process(pid, Signal::STOP).unwrap();
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stopped = || fs::read_to_string(&stat).is_ok_and(|line| line.contains(") T "));
    wait_for("the process to stand still", || stopped().then_some(()));
}

/// Lets a stopped process go on.
pub fn go_on(pid: Pid) {
    kill_process(pid, Signal::CONT).unwrap();
}

/// Waits until the server holds a request.
#[track_caller]
pub fn wait_until_held(server: &OAuthServer) {
    assert!(server.wait_for(|log| log.held() > 0, super::PATIENCE), "the server was not asked");
}
