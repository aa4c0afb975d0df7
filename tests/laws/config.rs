//! The configuration's text: whatever stands in it, an edit changes what it was told to, and nothing else.

use super::shown;
use mcp_credential::config::edit::{Draft, NewServer, add, remove};
use mcp_credential::config::{Environment, Loaded, load, load_all, names, names_at};
use mcp_credential::failure::{Code, Outcome};
use mcp_credential::oauth::url::same_server;
use mcp_credential::secret::Secret;
use serde_json::{Map, Value};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name that is added.
pub const NAME: &str = "demo";
/// Its URL.
pub const URL: &str = "https://mcp.example.com/mcp";
/// The scope that it gets.
pub const SCOPE: &str = "a b";

/// A home directory of its own, removed when it is dropped.
pub struct Home(PathBuf);

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("mcp-credential-laws-{}-{id}", std::process::id()));
        fs::create_dir_all(dir.join(".mcp-credential")).unwrap();
        Self(dir)
    }

    fn file(&self) -> PathBuf {
        self.0.join(".mcp-credential/config.json")
    }

    fn env(&self) -> Environment {
        Environment::from_pairs([("HOME", &self.0)])
    }

    /// Its environment, and where its configuration file belongs.
    pub fn place(&self) -> (Environment, PathBuf) {
        (self.env(), self.file())
    }

    /// Writes the configuration file.
    pub fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
        fs::set_permissions(self.file(), Permissions::from_mode(0o600)).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The law for any text.
pub fn any(home: &Home, text: &str) {
    home.write(text);
    let before = loaded(home);
    match added(home, text) {
        Err(failure) => shown::message(&failure),
        Ok(after) => {
            edited(text, &after);
            assert_eq!(added(home, &after).as_ref(), Ok(&after), "adding twice is adding once");
            taken_out(home, &after);
            home.write(&after);
            let mut others = loaded(home);
            others.retain(|(name, _)| before.iter().any(|(known, _)| known == name));
            assert!(before.iter().zip(&others).all(|(old, new)| old.0 == NAME || old == new), "{after}");
        }
    }
}

/// Every server of the file that can be loaded or not, by its name.
fn loaded(home: &Home) -> Vec<(String, Outcome<Loaded>)> {
    let env = home.env();
    if let Err(failure) = load_all(&env) {
        shown::message(&failure);
    }
    if let Err(failure) = load(NAME, &env) {
        shown::message(&failure);
    }
    let names = names(&env).unwrap_or_default();
    let servers: Vec<_> = names.into_iter().take(8).map(|name| (name.clone(), load(&name, &env))).collect();
    for (name, outcome) in &servers {
        match outcome {
            Err(failure) => shown::message(failure),
            Ok(Loaded { server: Some(server), .. }) => {
                super::url::any(&server.url);
                super::url::usable(&url::Url::parse(&server.url).unwrap());
                assert!(names_at(&server.url, &env).is_ok_and(|names| names.contains(name)), "{name}");
            }
            Ok(_) => panic!("{name} is in the file and is not defined"),
        }
    }
    servers
}

fn draft(home: &Home, text: &str) -> Draft {
    Draft { file: home.file(), text: Some(Secret::new(text)) }
}

fn added(home: &Home, text: &str) -> Outcome<String> {
    let new = NewServer::new(URL).with("scope", SCOPE);
    add(&draft(home, text), NAME, &new, &home.env()).map(|text| text.expose().to_owned())
}

/// The entry is there as it was asked for; all else is as it was, in the same order.
fn edited(before: &str, after: &str) {
    let (before, after) = (object(before), object(after));
    let entry = &after["servers"][NAME];
    assert!(entry["url"].as_str().is_some_and(|url| same_server(url, URL)), "{entry}");
    assert_eq!(entry["oauth2"]["scope"], SCOPE);
    assert_eq!(without_entry(&before), without_entry(&after));
    assert_eq!(rest_of_entry(&before), rest_of_entry(&after));
    let names = |root: &Map<String, Value>| -> Vec<String> {
        root.get("servers").and_then(Value::as_object).into_iter().flatten().map(|(n, _)| n.clone()).collect()
    };
    assert!(names(&after).starts_with(&names(&before)), "the order has changed");
}

/// Removing the entry leaves the rest, and it can be removed once.
fn taken_out(home: &Home, after: &str) {
    let removed = remove(&draft(home, after), NAME).unwrap();
    assert_eq!(without_entry(&object(after)), without_entry(&object(removed.expose())));
    assert_eq!(remove(&draft(home, removed.expose()), NAME).unwrap_err().code, Code::NotFound);
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// The file without the entry, as text: it tells the order as well.
fn without_entry(root: &Map<String, Value>) -> String {
    let mut root = root.clone();
    if let Some(Value::Object(servers)) = root.get_mut("servers") {
        servers.shift_remove(NAME);
        if servers.is_empty() {
            root.shift_remove("servers");
        }
    }
    Value::from(root).to_string()
}

/// What the entry holds besides what is set.
fn rest_of_entry(root: &Map<String, Value>) -> String {
    let mut entry = root.get("servers").and_then(|servers| servers.get(NAME)).cloned().unwrap_or_default();
    if let Value::Object(members) = &mut entry {
        members.shift_remove("url");
        if let Some(Value::Object(oauth2)) = members.get_mut("oauth2") {
            oauth2.shift_remove("scope");
        }
        members.retain(|name, value| {
            name != "oauth2" || value.as_object().is_none_or(|block| !block.is_empty())
        });
    }
    if entry.is_null() { "{}".to_owned() } else { entry.to_string() }
}
