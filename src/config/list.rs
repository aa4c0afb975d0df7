//! Every server of the file, each judged by itself, for `list` and `doctor`.
//!
//! Here, and only here, the whole file is built and searched for names that stand twice: one `get` must not
//! pay for it.

use super::entry::{self, Locus, Stated};
use super::file::Want;
use super::load::{differs_in_case, open, scan};
use super::machine::Defaults;
use super::merge::{self, Merged};
use super::node::{Members, Node};
use super::place::Place;
use super::validate::{Validated, validate};
use super::{AllServers, Environment, Listed, access, invalid, name};
use crate::failure::Outcome;
use crate::text::{one_line, path_line};
use std::collections::HashMap;
use std::path::Path;

/// Loads every server of the file. What is wrong with one of them does not hide the others. The environment
/// overrides nothing but the cache directory here, because no server was named.
///
/// # Errors
/// `config_invalid` or `insecure_storage` where the file as a whole is not to be used.
pub fn load_all(env: &Environment) -> Outcome<AllServers> {
    let place = Place::find(env)?;
    let text = open(&place)?;
    let scanned = scan(text.as_ref(), &place.file, Want::All)?;
    let has_secret = scanned.servers.iter().any(|(_, entry)| holds_secret(entry));
    let warnings = text.iter().filter_map(|text| access::warning(text, &place.file, has_secret)).collect();
    let any_name = scanned.upstream.is_some();
    let defaults = Defaults::read(scanned.defaults, &place.file)?;
    let key = defaults.key_source(&place.file, env)?;
    let machine = defaults.machine(place, env, warnings)?;
    let names = spellings(&scanned.servers);
    let mut servers: Vec<Listed> = Vec::with_capacity(scanned.servers.len());
    for (name, entry) in scanned.servers {
        let known = names.get(&name.to_ascii_lowercase()).map_or(&[][..], Vec::as_slice);
        if known.len() > 1 && servers.iter().any(|listed| listed.name == name) {
            continue;
        }
        let validated = judge(&name, entry, known, &machine.config_file, env);
        let own_dir = validated.as_ref().ok().and_then(|found| found.cache_dir.clone());
        let server =
            validated.map(|found| found.server).map_err(|failure| failure.of_server(&one_line(&name)));
        servers.push(Listed {
            name,
            cache_dir: own_dir.unwrap_or_else(|| machine.cache_dir.clone()),
            server,
        });
    }
    Ok(AllServers { servers, any_name, key, machine })
}

/// Every name as it is written, by what a file system without case makes of it.
fn spellings(entries: &Members) -> HashMap<String, Vec<String>> {
    let mut spellings: HashMap<String, Vec<String>> = HashMap::with_capacity(entries.len());
    for (name, _) in entries {
        spellings.entry(name.to_ascii_lowercase()).or_default().push(name.clone());
    }
    spellings
}

fn judge(name: &str, entry: Node, known: &[String], file: &Path, env: &Environment) -> Outcome<Validated> {
    let shown = path_line(file);
    name::check(name).map_err(|failure| invalid(format!("in `servers` of {shown}: {}", failure.message)))?;
    if let Some(twin) = known.iter().find(|spelling| *spelling != name) {
        return Err(differs_in_case(name, twin, file));
    }
    if known.len() > 1 {
        return Err(invalid(format!("`servers.{name}` in {shown} is there twice; remove one")));
    }
    let at = Locus::new(file, Some(name));
    validate(name, Merged::new(entry::own(entry, &at)?, cache_dir_alone(env)?, at)?, env)
}

fn cache_dir_alone(env: &Environment) -> Outcome<Vec<Stated>> {
    let mut stated = merge::from_environment(env)?;
    stated.retain(|stated| stated.key.name == "tokenCacheDir");
    Ok(stated)
}

fn holds_secret(entry: &Node) -> bool {
    let Some(Node::Object(members)) = entry.member("oauth2") else { return false };
    members
        .iter()
        .any(|(key, _)| super::keys::KEYS.iter().any(|known| known.name == key && known.holds_secret()))
}
