//! A folder of its own for each unit test.

use super::Store;
use super::key::KeySource;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// An empty folder that goes when the value goes.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let name = format!("mcp-credential-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn store(&self) -> Store {
        let store = Store::new(self.0.join("home"), None, KeySource::File);
        store.prepare().unwrap();
        store
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
