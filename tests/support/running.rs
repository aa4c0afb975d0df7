//! A program that is watched while it runs: what it has said so far, what it holds open, when it ends.

use super::{PATIENCE, Ran, wait_for};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A started program. Its stderr is read as it comes. A test that gives up ends it.
pub struct Running {
    child: Option<Child>,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Watches `child`, whose stdout and stderr are pipes.
    pub fn watch(mut child: Child) -> Self {
        let said = Arc::default();
        let reader = read(child.stderr.take().unwrap(), Arc::clone(&said));
        Self { child: Some(child), said, reader: Some(reader) }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What stands on its stderr so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until its stderr holds `text`.
    #[track_caller]
    pub fn says(&self, text: &str) {
        wait_for(&format!("`{text}` on stderr"), || self.said().contains(text).then_some(()));
    }

    /// Waits until it has `path` open.
    #[track_caller]
    pub fn opens(&self, path: &Path) {
        wait_for(&format!("{} to be opened", path.display()), || self.has_open(path).then_some(()));
    }

    /// Whether it has `path` open.
    pub fn has_open(&self, path: &Path) -> bool {
        let open = fs::read_dir(format!("/proc/{}/fd", self.id())).into_iter().flatten().flatten();
        open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Ends it the hard way.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ran {
        let limit = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < limit, "it does not end; it has said: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
        let mut ran = super::end(self.child.take().unwrap());
        self.reader.take().unwrap().join().unwrap();
        ran.stderr = self.said();
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(stderr: ChildStderr, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let line = line.unwrap() + "\n";
            said.lock().unwrap().push_str(&line);
        }
    })
}
