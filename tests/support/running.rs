//! A program that is watched while it runs: what it has said so far, what it holds open, when it ends.

use super::{Ran, wait_for};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A started program. Its stderr is read as it comes.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Running {
    /// Watches `child`, whose stdout and stderr are pipes.
    pub fn watch(mut child: Child) -> Self {
        let said = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&said));
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap() + "\n";
                lines.lock().unwrap().push_str(&line);
            }
        });
        Self { child, said, reader }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
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
        let places = format!("/proc/{}/fd", self.child.id());
        wait_for(&format!("{} to be opened", path.display()), || {
            let mut open = fs::read_dir(&places).ok()?.flatten();
            open.any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path)).then_some(())
        });
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it the hard way.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn end(self) -> Ran {
        let mut ran = super::end(self.child);
        self.reader.join().unwrap();
        ran.stderr.clone_from(&self.said.lock().unwrap());
        ran
    }
}
