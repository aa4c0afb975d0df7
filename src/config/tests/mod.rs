//! Tests of the room as a whole: a file and an environment in, a server or a message out.

mod loading;

use super::{Environment, Loaded, load};
use crate::failure::{Failure, Outcome};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A home directory of its own, removed afterwards.
struct Home {
    dir: PathBuf,
}

impl Home {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("mcp-credential-config-{}-{id}", std::process::id()));
        std::fs::create_dir_all(dir.join(".mcp-credential")).unwrap();
        Self { dir }
    }

    /// A home whose configuration file holds `json`.
    fn with(json: &str) -> Self {
        let home = Self::new();
        std::fs::write(home.file(), json).unwrap();
        home
    }

    /// A home whose configuration file has the one server `x` with this entry.
    fn with_entry(entry: &str) -> Self {
        Self::with(&format!(r#"{{"servers":{{"x":{entry}}}}}"#))
    }

    fn path(&self) -> &Path {
        &self.dir
    }

    fn file(&self) -> PathBuf {
        self.dir.join(".mcp-credential/config.json")
    }

    fn env(&self, more: &[(&str, &str)]) -> Environment {
        let home = [("HOME", self.dir.to_str().unwrap())];
        Environment::from_pairs(home.iter().chain(more).copied())
    }

    fn load(&self, name: &str) -> Outcome<Loaded> {
        load(name, &self.env(&[]))
    }

    fn refusal(&self, more: &[(&str, &str)]) -> Failure {
        load("x", &self.env(more)).unwrap_err()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
