//! The text of `config.json`: its outer shape, and the one entry that was asked for.
//!
//! Owns what may stand at the top and how an entry is found. Other servers' entries are passed over unbuilt,
//! so that ten thousand of them cost next to nothing. What an entry may hold is not known here.

use super::node::{Members, Node};
use super::{invalid, name};
use crate::failure::{Failure, Outcome};
use crate::text::{one_line, path_line};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use std::fmt;
use std::path::Path;

/// The largest configuration file, in bytes.
pub(super) const SIZE_LIMIT: u64 = 8 * 1024 * 1024;

/// Which entries are built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want<'a> {
    /// The one with this name; the others are passed over.
    One(&'a str),
    /// All of them.
    All,
    /// None of them: their names alone.
    Names,
}

/// What was found.
#[derive(Default)]
pub(super) struct Scanned {
    /// The `defaults` block.
    pub defaults: Option<Node>,
    /// The wanted entries.
    pub servers: Members,
    /// Another name in the file that differs from the wanted one only in case.
    pub twin: Option<String>,
    /// The blocks of mcp-oauth2-proxy's own format, where the file has that one.
    pub upstream: Option<Members>,
}

/// Scans `text`, the content of the file at `path`.
///
/// # Errors
/// `config_invalid` that names the file, the place and the key.
pub(super) fn scan(text: &str, path: &Path, want: Want<'_>) -> Outcome<Scanned> {
    check_start(text, path)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let scanned = Top { want }.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
    scanned.map_err(|error| describe(&error, path))
}

/// The whole of `text` as it stands, whatever its keys are.
///
/// # Errors
/// `config_invalid` where it is not JSON.
pub(super) fn parse(text: &str, path: &Path) -> Outcome<Node> {
    check_start(text, path)?;
    serde_json::from_str(text).map_err(|error| describe(&error, path))
}

fn check_start(text: &str, path: &Path) -> Outcome<()> {
    if text.starts_with('\u{feff}') {
        return Err(in_file(
            path,
            "begins with a byte order mark at line 1 column 1; save it as UTF-8 without one",
        ));
    }
    Ok(())
}

fn in_file(path: &Path, problem: &str) -> Failure {
    invalid(format!("the configuration file {} {problem}", path_line(path)))
}

/// `serde_json` quotes the value that it did not expect, and that may be a secret.
fn describe(error: &serde_json::Error, path: &Path) -> Failure {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    match error.classify() {
        Category::Data if text.starts_with("invalid type") => {
            in_file(path, &format!("has something else than an object at line {line} column {column}"))
        }
        Category::Data => in_file(path, &text),
        _ => in_file(path, &format!("is not JSON: {text}")),
    }
}

/// The top of the file.
struct Top<'a> {
    want: Want<'a>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Scanned;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scanned, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// What may stand at the top; the first three are ours.
const TOP: [&str; 7] = ["$schema", "defaults", "servers", "upstream", "oauth2", "discovery", "log"];

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Scanned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scanned, A::Error> {
        let mut found = Scanned::default();
        let mut seen = [false; TOP.len()];
        let mut blocks = Members::new();
        while let Some(key) = entries.next_key::<String>()? {
            let index = TOP.iter().position(|known| *known == key).ok_or_else(|| unknown_top(&key))?;
            if std::mem::replace(&mut seen[index], true) {
                return Err(A::Error::custom(format_args!("has the key `{key}` twice")));
            }
            match TOP[index] {
                "$schema" => drop(entries.next_value::<IgnoredAny>()?),
                "defaults" => found.defaults = Some(entries.next_value()?),
                "servers" => {
                    (found.servers, found.twin) = entries.next_value_seed(Servers { want: self.want })?;
                }
                _ => blocks.push((key, entries.next_value()?)),
            }
        }
        found.upstream = proxy_format(blocks, seen[1] || seen[2])?;
        Ok(found)
    }
}

fn unknown_top<E: Error>(key: &str) -> E {
    let near = name::did_you_mean(&name::near(key, TOP));
    E::custom(format_args!("has the unknown key `{}`{near}", one_line(key)))
}

/// A file with `upstream` is mcp-oauth2-proxy's; its blocks have no place in ours.
fn proxy_format<E: Error>(blocks: Members, ours: bool) -> Result<Option<Members>, E> {
    let Some((first, _)) = blocks.first() else { return Ok(None) };
    if ours {
        return Err(E::custom(format_args!(
            "mixes `{first}` with `servers` or `defaults`; move it into an entry of `servers`"
        )));
    }
    if blocks.iter().all(|(key, _)| key != "upstream") {
        return Err(E::custom(format_args!(
            "has `{first}` at the top but no `upstream`; put it into an entry of `servers`"
        )));
    }
    Ok(Some(blocks))
}

/// The `servers` block: the wanted entries, and a name that differs from the wanted one only in case.
struct Servers<'a> {
    want: Want<'a>,
}

impl<'de> DeserializeSeed<'de> for Servers<'_> {
    type Value = (Members, Option<String>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Servers<'_> {
    type Value = (Members, Option<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = Members::new();
        match self.want {
            Want::One(name) => return one(name, entries),
            Want::All => {
                while let Some(entry) = entries.next_entry()? {
                    found.push(entry);
                }
            }
            Want::Names => {
                while let Some((name, IgnoredAny)) = entries.next_entry()? {
                    found.push((name, Node::Null));
                }
            }
        }
        Ok((found, None))
    }
}

fn one<'de, A: MapAccess<'de>>(name: &str, mut entries: A) -> Result<(Members, Option<String>), A::Error> {
    let (mut found, mut twin) = (Members::new(), None);
    while let Some(key) = entries.next_key_seed(Compare { name })? {
        match key {
            Likeness::Same if found.is_empty() => found.push((name.to_owned(), entries.next_value()?)),
            Likeness::Same => {
                return Err(A::Error::custom(format_args!("has the key `servers.{name}` twice")));
            }
            Likeness::Twin(other) => {
                twin = Some(other);
                entries.next_value::<IgnoredAny>()?;
            }
            Likeness::Other => drop(entries.next_value::<IgnoredAny>()?),
        }
    }
    match twin {
        Some(other) if !found.is_empty() => Err(A::Error::custom(format_args!(
            "has `servers.{name}` and `servers.{other}`, which differ only in case; rename one"
        ))),
        twin => Ok((found, twin)),
    }
}

/// Compares a key with a name without keeping it.
struct Compare<'a> {
    name: &'a str,
}

enum Likeness {
    Same,
    /// Another key that a file system without case would take for the name.
    Twin(String),
    Other,
}

impl<'de> DeserializeSeed<'de> for Compare<'_> {
    type Value = Likeness;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Likeness, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Compare<'_> {
    type Value = Likeness;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Likeness, E> {
        Ok(if key == self.name {
            Likeness::Same
        } else if key.eq_ignore_ascii_case(self.name) {
            Likeness::Twin(key.to_owned())
        } else {
            Likeness::Other
        })
    }
}
