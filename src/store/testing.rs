//! A folder of its own for each unit test.

use super::Store;
use super::key::KeySource;
use std::path::{Path, PathBuf};

/// An empty folder that goes when the value goes.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self(oauthserver::new_folder("mcp-credential").unwrap())
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
