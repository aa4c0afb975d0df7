//! The layers of one server laid over each other: the environment over the file.
//!
//! Owns which layer wins, and the rule that an environment must not aim stored credentials elsewhere. Also
//! the typed reading of a merged value: whoever takes one gets it with its type checked, or a message that
//! names the key and where it was stated, never the value.

use super::entry::{Locus, Origin, Stated};
use super::environment::{self, Environment};
use super::keys::KEYS;
use super::node::{Node, repeated};
use super::{Grant, grant, invalid};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::same_server;
use std::ops::RangeInclusive;

/// The endpoints that decide where credentials go.
const AIMS: [&str; 4] = ["url", "tokenUrl", "authorizationUrl", "issuer"];

/// Names and values, in order, and what they were stated as, where they were.
pub(super) type Pairs = (Vec<(String, String)>, Option<Stated>);

/// What file and environment state together.
pub(super) struct Merged {
    stated: Vec<Stated>,
    at: Locus,
}

/// What the environment states.
///
/// # Errors
/// `config_invalid` where a variable is not UTF-8.
pub(super) fn from_environment(env: &Environment) -> Outcome<Vec<Stated>> {
    let mut stated = Vec::new();
    for key in KEYS {
        let Some(variable) = key.variable else { continue };
        if let Some(text) = env.text(variable)? {
            stated.push(Stated { key, node: Node::Text(text), origin: Origin::Environment });
        }
    }
    Ok(stated)
}

impl Merged {
    /// Lays `environment` over `file`.
    ///
    /// # Errors
    /// `url_mismatch` where the environment names another server or endpoint than the file does.
    pub fn new(mut file: Vec<Stated>, environment: Vec<Stated>, at: Locus) -> Outcome<Self> {
        check_aims(&file, &environment, &at)?;
        let overridden = |old: &Stated| environment.iter().any(|new| replaces(new, old));
        file.retain(|old| !overridden(old));
        file.extend(environment);
        Ok(Self { stated: file, at })
    }

    /// Takes the value of `name` out, whatever it is.
    pub fn take(&mut self, name: &str) -> Option<Stated> {
        let index = self.stated.iter().position(|stated| stated.key.name == name)?;
        Some(self.stated.swap_remove(index))
    }

    /// A stated value whose key begins with `prefix`.
    pub fn beginning_with(&self, prefix: &str) -> Option<&Stated> {
        self.stated.iter().find(|stated| stated.key.name.starts_with(prefix))
    }

    /// A value that nobody took.
    pub fn left_over(&self) -> Option<&Stated> {
        KEYS.iter().find_map(|key| self.stated.iter().find(|stated| stated.key.name == key.name))
    }

    /// A complaint about the value of a key.
    pub fn complain(&self, stated: &Stated, problem: &str) -> Failure {
        invalid(format!("{} {problem}", self.at.of(stated.key, stated.origin)))
    }

    /// A complaint about a key of the file, stated or not.
    pub fn about(&self, name: &str, problem: &str) -> Failure {
        let key = KEYS.iter().find(|key| key.name == name);
        let place = key.map(|key| self.at.of(key, Origin::File) + " ").unwrap_or_default();
        invalid(format!("{place}{problem}"))
    }

    /// A complaint about a key that is stated nowhere.
    pub fn missing(&self, name: &str, problem: &str) -> Failure {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else { return self.about(name, problem) };
        if let Some(option) = self.at.option_for(name) {
            return invalid(format!("{option} {problem}"));
        }
        let variable = key.variable.filter(|_| !self.at.is_added());
        let variable = variable.map(|name| format!(" (or `{name}` in the environment)")).unwrap_or_default();
        invalid(format!("{}{variable} {problem}", self.at.of(key, Origin::File)))
    }

    /// The other `keys` that would do, in parentheses: those that the reader can give.
    pub fn or_else(&self, keys: &[String]) -> String {
        let named = |key: &String| {
            if self.at.is_added() { self.at.option_for(key) } else { Some(key.clone()) }
        };
        let keys: Vec<String> = keys.iter().filter_map(named).collect();
        if keys.is_empty() { String::new() } else { format!(" (or {})", keys.join(", ")) }
    }

    /// A text, and what it was stated as; empty only where `empty` allows it.
    fn stated_text(&mut self, name: &str, empty: bool) -> Outcome<Option<(String, Stated)>> {
        let Some(mut stated) = self.take(name) else { return Ok(None) };
        match std::mem::replace(&mut stated.node, Node::Null) {
            Node::Text(text) if text.is_empty() && !empty => {
                Err(self.complain(&stated, "is empty; give it a value or leave it out"))
            }
            Node::Text(text) => Ok(Some((text, stated))),
            other => Err(self.complain(&stated, &format!("must be a text, and is {}", other.kind()))),
        }
    }

    /// A text that is not empty.
    pub fn text(&mut self, name: &str) -> Outcome<Option<String>> {
        Ok(self.stated_text(name, false)?.map(|(text, _)| text))
    }

    /// A text that `convert` turns into something else, or says what is wrong with it.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Outcome<Option<T>> {
        let stated = self.stated_text(name, false)?;
        self.converted(stated, convert)
    }

    /// The same for a text that may be empty.
    pub fn parsed_or_empty<T>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Outcome<Option<T>> {
        let stated = self.stated_text(name, true)?;
        self.converted(stated, convert)
    }

    fn converted<T>(
        &self,
        stated: Option<(String, Stated)>,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Outcome<Option<T>> {
        let Some((text, stated)) = stated else { return Ok(None) };
        convert(&text).map(Some).map_err(|problem| self.complain(&stated, &problem))
    }

    /// A switch. In the environment it may be spelled in several ways.
    pub fn flag(&mut self, name: &str) -> Outcome<Option<bool>> {
        let Some(stated) = self.take(name) else { return Ok(None) };
        let value = match (&stated.node, stated.origin) {
            (Node::Bool(value), _) => Some(*value),
            (Node::Text(text), Origin::Environment) => environment::boolean(text),
            _ => None,
        };
        value.map(Some).ok_or_else(|| self.complain(&stated, "must be true or false"))
    }

    /// A whole number within `range`.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Outcome<Option<u64>> {
        let Some(stated) = self.take(name) else { return Ok(None) };
        let value = match (&stated.node, stated.origin) {
            (Node::Number(number), _) => number.as_u64(),
            (Node::Text(text), Origin::Environment) => text.trim().parse().ok(),
            _ => None,
        };
        value.filter(|value| range.contains(value)).map(Some).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.complain(&stated, &format!("must be a whole number from {low} to {high}"))
        })
    }

    /// An object of texts, in order. In the environment it is JSON text.
    pub fn pairs(&mut self, name: &str) -> Outcome<Pairs> {
        let Some(mut stated) = self.take(name) else { return Ok((Vec::new(), None)) };
        let node = match std::mem::replace(&mut stated.node, Node::Null) {
            Node::Text(json) if stated.origin == Origin::Environment => serde_json::from_str(&json).ok(),
            node => Some(node),
        };
        let Some(Ok(members)) = node.map(Node::into_members) else {
            return Err(self.complain(&stated, "must be an object of texts"));
        };
        if let Some(key) = repeated(&members) {
            return Err(self.complain(&stated, &format!("has `{}` twice", crate::text::one_line(key))));
        }
        let pairs: Option<Vec<_>> =
            members.into_iter().map(|(key, node)| Some((key, node.into_text()?))).collect();
        let pairs = pairs.ok_or_else(|| self.complain(&stated, "must hold texts alone"))?;
        Ok((pairs, Some(stated)))
    }

    /// A list of texts that are not empty.
    pub fn list(&mut self, name: &str) -> Outcome<(Vec<String>, Option<Stated>)> {
        let Some(mut stated) = self.take(name) else { return Ok((Vec::new(), None)) };
        let Node::List(items) = std::mem::replace(&mut stated.node, Node::Null) else {
            return Err(self.complain(&stated, "must be a list of texts"));
        };
        let texts: Option<Vec<_>> = items.into_iter().map(Node::into_text).collect();
        match texts.filter(|texts| texts.iter().all(|text| !text.is_empty())) {
            Some(texts) => Ok((texts, Some(stated))),
            None => Err(self.complain(&stated, "must be a list of texts that are not empty")),
        }
    }
}

/// A client secret of the environment takes the place of every way in which the file gives one.
fn replaces(new: &Stated, old: &Stated) -> bool {
    new.key.name == old.key.name
        || (new.key.name == "clientSecret" && old.key.name.starts_with("clientSecret"))
}

/// For a name that is in the file, an endpoint of the environment must be the file's. A login brings a code, and the
/// secret of a client that was registered for it; so only a grant without a person may be aimed by the environment,
/// and only where the file has no credential that would go along.
fn check_aims(file: &[Stated], environment: &[Stated], at: &Locus) -> Outcome<()> {
    // Without a word in the file the environment is the whole configuration.
    let Some(entry) = file.first() else { return Ok(()) };
    check_client(file, environment, at)?;
    for aim in environment.iter().filter(|stated| AIMS.contains(&stated.key.name)) {
        let ours = file.iter().find(|stated| stated.key.name == aim.key.name);
        let secret = file.iter().find(|stated| stated.key.credential);
        let names_none = |what: &str| format!("would receive {what}, and the file names no such endpoint");
        let problem = match (ours, secret) {
            (Some(ours), _) if equal_aims(&aim.node, &ours.node) => continue,
            (Some(ours), _) => format!("is not the one of {}", at.of(ours.key, ours.origin)),
            (None, Some(secret)) => names_none(&at.of(secret.key, secret.origin)),
            (None, None) if is_unattended(file, environment) => continue,
            (None, None) => names_none(&format!("the login of {}", at.of(entry.key, entry.origin))),
        };
        let aim = at.of(aim.key, aim.origin);
        return Err(Failure::new(
            Code::UrlMismatch,
            format!("{aim} {problem}; unset the variable, or use another name for this server"),
        ));
    }
    Ok(())
}

/// A client of the environment gets no credential of the file: it belongs to the file's client, and to where that is at
/// home.
fn check_client(file: &[Stated], environment: &[Stated], at: &Locus) -> Outcome<()> {
    let client = |layer: &'_ [Stated]| layer.iter().position(|stated| stated.key.name == "clientId");
    let Some(theirs) = client(environment).map(|index| &environment[index]) else { return Ok(()) };
    let ours = client(file).map(|index| &file[index]);
    let is_replaced = |stated: &Stated| environment.iter().any(|new| replaces(new, stated));
    let is_sent = |stated: &&Stated| {
        stated.key.credential && !stated.key.name.ends_with("Params") && !is_replaced(stated)
    };
    let same = |ours: &Stated| matches!((&ours.node, &theirs.node), (Node::Text(ours), Node::Text(theirs)) if ours == theirs);
    match file.iter().find(is_sent) {
        Some(secret) if !ours.is_some_and(same) => Err(Failure::new(
            Code::UrlMismatch,
            format!(
                "{} is not the client that {} belongs to; unset the variable, or use another name for this server",
                at.of(theirs.key, theirs.origin),
                at.of(secret.key, secret.origin)
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether the grant that will be used needs no person. One that cannot be told is refused later.
fn is_unattended(file: &[Stated], environment: &[Stated]) -> bool {
    let stated = environment.iter().chain(file).find(|stated| stated.key.name == "grant");
    let named = stated.and_then(|stated| match &stated.node {
        Node::Text(text) => grant::named(text).ok(),
        _ => None,
    });
    named.is_some_and(Grant::is_unattended)
}

fn equal_aims(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::Text(one), Node::Text(other)) => one == other || same_server(one, other),
        _ => false,
    }
}
