//! Ports that a test needs again.

use oauthserver::HeldPort;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use url::Url;

/// The callback ports of the registered clients of a sandbox, kept for their next login.
#[derive(Default)]
pub struct CallbackPorts(Mutex<BTreeMap<u16, HeldPort>>);

impl CallbackPorts {
    /// Keeps those of the registrations in `store` that nobody listens on at the moment.
    pub fn keep(&self, store: &Path) {
        let mut kept = self.0.lock().unwrap();
        for port in fs::read_dir(store).into_iter().flatten().flat_map(|entry| ports(&entry.unwrap().path()))
        {
            if let (false, Ok(Some(held))) = (kept.contains_key(&port), HeldPort::for_later(port)) {
                kept.insert(port, held);
            }
        }
    }
}

/// The ports of the redirect URIs in a registration, if that is what the file holds.
fn ports(file: &Path) -> Vec<u16> {
    let is_client = file.to_str().is_some_and(|name| name.ends_with(".client.json"));
    let text = if is_client && file.is_file() { fs::read(file).unwrap_or_default() } else { Vec::new() };
    let record: Value = serde_json::from_slice(&text).unwrap_or_default();
    let uris = record["clear"]["redirect_uris"].as_array().cloned().unwrap_or_default();
    uris.iter().filter_map(|uri| Url::parse(uri.as_str()?).ok()?.port()).collect()
}

/// A free port that nobody is given by chance, also where none can be kept: systems hand out higher ones.
pub fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 20_000).unwrap();
    let mut ports = (0..1000).map(|_| 10_000 + (own + TRIED.fetch_add(1, Ordering::Relaxed)) % 20_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
