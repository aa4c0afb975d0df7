//! Tests of the room as a whole: a file and an environment in, a server or a message out.

mod editing;
mod environment;
mod grants;
mod layers;
mod listing;
mod loading;
mod names;
mod places;
mod proxy_format;
mod schema;
mod secrets;
mod seeds;
mod values;

use super::{Environment, Loaded, Server, load};
use crate::failure::{Code, Failure, Outcome};
use std::path::PathBuf;

/// A home directory of its own, removed afterwards.
struct Home {
    dir: PathBuf,
}

impl Home {
    fn new() -> Self {
        let dir = oauthserver::new_folder("mcp-credential-config").unwrap();
        std::fs::create_dir(dir.join(".mcp-credential")).unwrap();
        Self { dir }
    }

    /// A home whose configuration file holds `json`.
    fn with(json: &str) -> Self {
        let home = Self::new();
        home.write(".mcp-credential/config.json", json);
        home
    }

    /// A home whose configuration file has the one server `x` with this entry.
    fn with_entry(entry: &str) -> Self {
        Self::with(&format!(r#"{{"servers":{{"x":{entry}}}}}"#))
    }

    /// A home whose server `x` has this `oauth2` block.
    fn with_oauth2(block: &str) -> Self {
        Self::with_entry(&format!(r#"{{"url":"https://mcp.example.com/mcp","oauth2":{block}}}"#))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    }

    fn file(&self) -> PathBuf {
        self.dir.join(".mcp-credential/config.json")
    }

    fn env(&self, more: &[(&str, &str)]) -> Environment {
        let home = [("HOME", self.dir.to_str().unwrap())];
        Environment::from_pairs(home.iter().chain(more).copied())
    }

    fn load(&self, more: &[(&str, &str)]) -> Outcome<Loaded> {
        load("x", &self.env(more))
    }

    fn server(&self, more: &[(&str, &str)]) -> Server {
        self.load(more).unwrap().server.unwrap()
    }

    fn refusal(&self, more: &[(&str, &str)]) -> Failure {
        self.load(more).unwrap_err()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &std::path::Path, _: u32) {}

/// Checks the code of a failure, and that its message holds each of `words`.
#[track_caller]
fn assert_says(failure: &Failure, code: Code, words: &[&str]) {
    assert_eq!(failure.code, code, "{failure}");
    for word in words {
        assert!(failure.message.contains(word), "`{word}` is missing in: {failure}");
    }
}

/// Checks that the `oauth2` block is `config_invalid` and that the message names `key` and holds `word`.
#[track_caller]
fn assert_refused(block: &str, key: &str, word: &str) {
    let home = Home::with_oauth2(block);
    let failure = home.refusal(&[]);
    assert_says(&failure, Code::ConfigInvalid, &[&format!("servers.x.oauth2.{key}"), word]);
    assert_eq!(failure.server.as_deref(), Some("x"));
}
