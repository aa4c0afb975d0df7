//! From a name to everything that a command needs to know about its server.
//!
//! Owns the order: find the places, read the file, pick the entry, lay the environment over it, judge the
//! result. One file is read, once, and it is the only one.

use super::entry::{self, Locus, Stated};
use super::file::{self, Scanned, Want};
use super::machine::Defaults;
use super::merge::{self, Merged};
use super::node::Node;
use super::place::{Place, absolute};
use super::read::{self, Text};
use super::validate::{Validated, validate};
use super::{Environment, Loaded, access, invalid, name};
use crate::failure::{Failure, Outcome};
use crate::oauth::url::same_server;
use crate::text::{one_line, path_line};
use std::path::{Path, PathBuf};

/// Loads the server `name`, if the file or the environment defines one.
///
/// # Errors
/// `usage` where `name` is no name; `config_invalid`, `url_mismatch` or `insecure_storage` where the
/// configuration is not to be used. The message names the key or the variable and the fix.
pub fn load(name: &str, env: &Environment) -> Outcome<Loaded> {
    name::check(name)?;
    load_checked(name, env).map_err(|failure| failure.of_server(name))
}

fn load_checked(name: &str, env: &Environment) -> Outcome<Loaded> {
    let place = Place::find(env)?;
    let text = open(&place)?;
    let mut scanned = scan(text.as_ref(), &place.file, Want::One(name))?;
    let file = of_file(&mut scanned, name, &place.file)?;
    let from_file = file.is_some();
    let has_secret = file.iter().flat_map(|(stated, _)| stated).any(|stated| stated.key.holds_secret());
    let warnings = text.iter().filter_map(|text| access::warning(text, &place.file, has_secret)).collect();
    let validated = merged(name, file, &place.file, env)?;
    let defaults = Defaults::read(scanned.defaults, &place.file)?;
    let key = defaults.key_source(&place.file, env)?;
    let machine = defaults.machine(place, env, warnings)?;
    let (server, own_dir) = validated.map(|found| (found.server, found.cache_dir)).unzip();
    let cache_dir = own_dir.flatten().unwrap_or_else(|| machine.cache_dir.clone());
    Ok(Loaded { server, from_file, cache_dir, key, machine })
}

/// Where records lie unless the configuration says otherwise, also where it cannot be used. Only for hints.
#[must_use]
pub fn usual_cache_dir(env: &Environment) -> Option<PathBuf> {
    Some(Place::find(env).ok()?.state_dir.join("oauth"))
}

/// The names in the file, in its order, without a look at what they stand for: material for suggestions.
///
/// # Errors
/// `config_invalid` or `insecure_storage` where the file is not to be used.
pub fn names(env: &Environment) -> Outcome<Vec<String>> {
    let place = Place::find(env)?;
    let scanned = scan(open(&place)?.as_ref(), &place.file, Want::Names)?;
    Ok(scanned.servers.into_iter().map(|(name, _)| name).collect())
}

/// The names in the file whose server is at `url`. Equality is that of parsed URLs, never a pattern.
///
/// # Errors
/// `config_invalid` or `insecure_storage` where the file is not to be used.
pub fn names_at(url: &str, env: &Environment) -> Outcome<Vec<String>> {
    let place = Place::find(env)?;
    let scanned = scan(open(&place)?.as_ref(), &place.file, Want::All)?;
    let at_url =
        |entry: &Node| matches!(entry.member("url"), Some(Node::Text(ours)) if same_server(ours, url));
    Ok(scanned.servers.into_iter().filter(|(_, entry)| at_url(entry)).map(|(name, _)| name).collect())
}

/// The directories that the entries of the file name for their records, valid entries or not: what may depend on the
/// key must not be overlooked. Without a usable place there can be no records.
///
/// # Errors
/// `config_invalid` or `insecure_storage` where the file is not to be used.
pub fn cache_dirs(env: &Environment) -> Outcome<Vec<PathBuf>> {
    let place = Place::find(env)?;
    let scanned = scan(open(&place)?.as_ref(), &place.file, Want::All)?;
    let named = |entry: &Node| match entry.member("oauth2")?.member("tokenCacheDir") {
        Some(Node::Text(path)) => absolute(Path::new(path), env, String::new).ok(),
        _ => None,
    };
    Ok(scanned.servers.iter().filter_map(|(_, entry)| named(entry)).collect())
}

pub(super) fn open(place: &Place) -> Outcome<Option<Text>> {
    let what = || format!("the configuration file {}", path_line(&place.file));
    let text = read::text_file(&place.file, file::SIZE_LIMIT, &what)?;
    if let (None, Some(variable)) = (&text, place.named_by) {
        return Err(invalid(format!(
            "{}, named by `{variable}`, does not exist; create it or unset it",
            what()
        )));
    }
    if let Some(text) = &text {
        access::refuse_open_to_all(text, &place.file)?;
    }
    Ok(text)
}

pub(super) fn scan(text: Option<&Text>, file: &Path, want: Want<'_>) -> Outcome<Scanned> {
    text.map_or_else(|| Ok(Scanned::default()), |text| file::scan(&text.text, file, want))
}

/// What the file states about `name`, and where, if it has it.
fn of_file(scanned: &mut Scanned, name: &str, file: &Path) -> Outcome<Option<(Vec<Stated>, Locus)>> {
    if let Some(twin) = &scanned.twin {
        return Err(differs_in_case(name, twin, file));
    }
    if let Some(blocks) = scanned.upstream.take() {
        let at = Locus::new(file, None);
        return Ok(Some((entry::proxy(blocks, &at)?, at)));
    }
    let Some((_, node)) = scanned.servers.pop() else { return Ok(None) };
    let at = Locus::new(file, Some(name));
    Ok(Some((entry::own(node, &at)?, at)))
}

/// The environment over the file; without a file the environment must name a URL to define a server.
fn merged(
    name: &str,
    file: Option<(Vec<Stated>, Locus)>,
    path: &Path,
    env: &Environment,
) -> Outcome<Option<Validated>> {
    let environment = merge::from_environment(env)?;
    if file.is_none() && environment.iter().all(|stated| stated.key.name != "url") {
        return Ok(None);
    }
    let (stated, at) = file.unwrap_or_else(|| (Vec::new(), Locus::new(path, Some(name))));
    validate(name, Merged::new(stated, environment, at)?, env).map(Some)
}

/// Two names that one file system would take for the same.
pub(super) fn differs_in_case(name: &str, twin: &str, file: &Path) -> Failure {
    let (twin, file) = (one_line(twin), path_line(file));
    invalid(format!(
        "`{}` differs only in case from `servers.{twin}` in {file}; use that name, or rename one",
        one_line(name)
    ))
}
