//! The variables that carry a secret of any server of the file. No child process gets them, neither those of its own
//! server nor those of another.
//!
//! Looked for only when a child is about to be started: a fresh token must not pay for it. Limit: what is wrong with the
//! file or with an entry is not told here; such an entry names no variable.

use super::environment::Environment;
use super::file::Want;
use super::keys::KEYS;
use super::load::{open, scan};
use super::node::Node;
use super::place::Place;
use crate::failure::Outcome;

/// What every `…Env` key of the configuration file names, whosoever it is.
#[must_use]
pub fn secret_variables(env: &Environment) -> Vec<String> {
    blocks(env).unwrap_or_default().into_iter().flat_map(names).collect()
}

/// The `oauth2` block of each server.
fn blocks(env: &Environment) -> Outcome<Vec<Node>> {
    let place = Place::find(env)?;
    let scanned = scan(open(&place)?.as_ref(), &place.file, Want::All)?;
    let of_entries = scanned.servers.into_iter().filter_map(|(_, entry)| entry.into_members().ok()).flatten();
    let members = of_entries.chain(scanned.upstream.into_iter().flatten());
    Ok(members.filter(|(key, _)| key == "oauth2").map(|(_, block)| block).collect())
}

fn names(block: Node) -> Vec<String> {
    let points_to_one = |key: &str| key.ends_with("Env") && KEYS.iter().any(|known| known.name == key);
    let members = block.into_members().unwrap_or_default().into_iter();
    members.filter(|(key, _)| points_to_one(key)).filter_map(|(_, name)| name.into_text()).collect()
}
