//! From an entry's JSON to the list of what it states, with every key known.
//!
//! Owns the nesting (`oauth2`, `discovery`, and the blocks of mcp-oauth2-proxy) and the refusal of unknown and
//! repeated keys. It does not judge values.

use super::invalid;
use super::keys::{self, Key, Section};
use super::node::{Members, Node, repeated};
use crate::failure::{Failure, Outcome};
use crate::text::{one_line, path_line};
use std::path::{Path, PathBuf};

/// Where a value was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    Environment,
}

/// One value, and who states it.
pub(super) struct Stated {
    pub key: &'static Key,
    pub node: Node,
    pub origin: Origin,
}

/// The place of an entry, for messages.
pub(super) struct Locus {
    file: PathBuf,
    /// The name of the entry; `None` for mcp-oauth2-proxy's format, which has one entry and no name.
    name: Option<String>,
    /// The keys whose values were typed as options of `add`; `None` where nothing is added.
    typed: Option<Vec<String>>,
}

/// The keys that `add` has an option for, besides the URL.
pub(crate) const OPTIONS: [&str; 17] = [
    "clientId",
    "clientSecretFile",
    "clientSecretEnv",
    "privateKeyFile",
    "assertionFile",
    "assertionEnv",
    "scope",
    "grant",
    "tokenUrl",
    "authorizationUrl",
    "issuer",
    "clientMetadataUrl",
    "metadataUrl",
    "trustedIssuer",
    "allowMissingPkceMetadata",
    "allowPrivateHosts",
    "callbackPort",
];

impl Locus {
    /// An entry of `servers` in `file`, or the whole of a file in mcp-oauth2-proxy's format.
    pub fn new(file: &Path, name: Option<&str>) -> Self {
        Self { file: file.to_owned(), name: name.map(one_line), typed: None }
    }

    /// An entry that is about to be written to `file`, with the values of these keys as they were typed.
    pub fn typed(file: &Path, name: &str, typed: Vec<String>) -> Self {
        Self { typed: Some(typed), ..Self::new(file, Some(name)) }
    }

    /// The file as messages name it.
    fn file(&self) -> String {
        path_line(&self.file)
    }

    /// The dotted path of a key below the entry.
    fn path(&self, below: &str) -> String {
        match &self.name {
            Some(name) if below.is_empty() => format!("servers.{name}"),
            Some(name) => format!("servers.{name}.{below}"),
            None => below.to_owned(),
        }
    }

    /// The place of a known key, as messages name it.
    pub fn of(&self, key: &Key, origin: Origin) -> String {
        if let (Origin::Environment, Some(variable)) = (origin, key.variable) {
            return format!("`{variable}` of the environment");
        }
        if self.typed.iter().flatten().any(|typed| typed == key.name) {
            return format!("`{}`", option(key.name));
        }
        let below = match (key.section, self.name.is_some()) {
            (Section::Server, true) => key.name.to_owned(),
            (Section::Server, false) => format!("upstream.{}", key.name),
            (Section::OAuth2, _) => format!("oauth2.{}", key.name),
            (Section::Discovery, true) => format!("oauth2.discovery.{}", key.name),
            (Section::Discovery, false) => format!("discovery.{}", key.name),
        };
        format!("`{}` in {}", self.path(&below), self.file())
    }

    /// Whether the entry is about to be added; the environment is no part of it.
    pub fn is_added(&self) -> bool {
        self.typed.is_some()
    }

    /// The option that gives the key to an entry that is about to be added.
    pub fn option_for(&self, key: &str) -> Option<String> {
        (self.is_added() && OPTIONS.contains(&key)).then(|| format!("`{}`", option(key)))
    }

    fn complain(&self, below: &str, problem: &str) -> Failure {
        invalid(format!("`{}` in {} {problem}", self.path(below), self.file()))
    }

    fn members(&self, below: &str, node: Node) -> Outcome<Members> {
        let members = node
            .into_members()
            .map_err(|other| self.complain(below, &format!("must be an object, and is {}", other.kind())))?;
        match repeated(&members) {
            Some(key) => Err(self.complain(&join(below, key), "is there twice; remove one")),
            None => Ok(members),
        }
    }

    fn unknown(&self, below: &str, key: &str, hint: &str) -> Failure {
        self.complain(&join(below, &one_line(key)), &format!("is an unknown key{hint}"))
    }
}

/// The option of `add` that sets the key: the same words with dashes, and one value at a time.
pub(crate) fn option(key: &str) -> String {
    let mut option = "--".to_owned();
    for character in key.trim_end_matches("Hosts").chars() {
        if character.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(character.to_ascii_lowercase());
    }
    option + if key.ends_with("Hosts") { "-host" } else { "" }
}

fn join(below: &str, key: &str) -> String {
    if below.is_empty() { key.to_owned() } else { format!("{below}.{key}") }
}

/// What the entry `node` of `servers` states.
///
/// # Errors
/// `config_invalid` with the path of an unknown or repeated key.
pub(super) fn own(node: Node, at: &Locus) -> Outcome<Vec<Stated>> {
    let mut stated = Vec::new();
    for (key, value) in at.members("", node)? {
        if key == "oauth2" {
            oauth2("oauth2", value, at, &mut stated)?;
        } else {
            push(Section::Server, "", &key, value, at, &mut stated, &["oauth2"])?;
        }
    }
    Ok(stated)
}

/// What the blocks of a file in mcp-oauth2-proxy's format state. Its settings of the transport and of the log
/// are accepted and have no meaning here.
///
/// # Errors
/// `config_invalid` with the path of an unknown or repeated key.
pub(super) fn proxy(blocks: Members, at: &Locus) -> Outcome<Vec<Stated>> {
    let mut stated = Vec::new();
    for (block, value) in blocks {
        match block.as_str() {
            "oauth2" => oauth2("oauth2", value, at, &mut stated)?,
            "discovery" => section(Section::Discovery, "discovery", value, at, &mut stated)?,
            "upstream" => upstream(value, at, &mut stated)?,
            block => only(block, &["level"], value, at)?,
        }
    }
    Ok(stated)
}

fn oauth2(below: &str, node: Node, at: &Locus, stated: &mut Vec<Stated>) -> Outcome<()> {
    for (key, value) in at.members(below, node)? {
        if key == "discovery" {
            section(Section::Discovery, &join(below, "discovery"), value, at, stated)?;
        } else {
            push(Section::OAuth2, below, &key, value, at, stated, &["discovery"])?;
        }
    }
    Ok(())
}

fn section(of: Section, below: &str, node: Node, at: &Locus, stated: &mut Vec<Stated>) -> Outcome<()> {
    for (key, value) in at.members(below, node)? {
        push(of, below, &key, value, at, stated, &[])?;
    }
    Ok(())
}

fn upstream(node: Node, at: &Locus, stated: &mut Vec<Stated>) -> Outcome<()> {
    let mut rest = Members::new();
    for (key, value) in at.members("upstream", node)? {
        match keys::find(Section::Server, &key).filter(|key| key.name == "url") {
            Some(key) => stated.push(Stated { key, node: value, origin: Origin::File }),
            None => rest.push((key, value)),
        }
    }
    only("upstream", &["timeoutMs", "openServerStream", "protocolVersion"], Node::Object(rest), at)
}

/// Checks that a block without meaning here has known keys alone.
fn only(block: &str, known: &[&str], node: Node, at: &Locus) -> Outcome<()> {
    let members = at.members(block, node)?;
    match members.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => {
            Err(at.unknown(block, key, &super::name::did_you_mean(&super::name::near(key, known))))
        }
        None => Ok(()),
    }
}

fn push(
    of: Section,
    below: &str,
    key: &str,
    node: Node,
    at: &Locus,
    stated: &mut Vec<Stated>,
    blocks: &[&str],
) -> Outcome<()> {
    let Some(known) = keys::find(of, key) else {
        return Err(at.unknown(below, key, &keys::hint(of, key, blocks)));
    };
    stated.push(Stated { key: known, node, origin: Origin::File });
    Ok(())
}
