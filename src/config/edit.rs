//! `add` and `remove` as changes of the configuration's text.
//!
//! Owns what such a change keeps: every other key, known or not, and the order. It reads the file and hands
//! the new text back; writing it is the store's business. Comments cannot survive, because JSON has none, and
//! the layout becomes the common one: two blanks of indentation and a final newline.

use super::entry::{self, Locus};
#[cfg(test)]
pub(crate) use super::entry::{OPTIONS, option};
use super::file;
use super::keys::{self, Section};
use super::load::differs_in_case;
use super::merge::Merged;
use super::node::{Members, Node, repeated};
use super::place::Place;
use super::validate::validate;
use super::{Environment, Grant, access, invalid, name, read};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::{is_loopback, same_server, server_url};
use crate::secret::Secret;
use crate::text::{one_line, path_line};
use serde_json::Value;
use std::path::{Path, PathBuf};
use url::Url;

/// The configuration file as it is, ready to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it is, and where the new text belongs.
    pub file: PathBuf,
    /// Its text, where there is a file. It may hold a client secret.
    pub text: Option<Secret>,
}

impl Draft {
    /// Reads the file that this environment points to. It need not exist.
    ///
    /// # Errors
    /// `config_invalid` where it cannot be read, `insecure_storage` where every user may write to it.
    pub fn open(env: &Environment) -> Outcome<Self> {
        let file = Place::find(env)?.file;
        let what = || format!("the configuration file {}", path_line(&file));
        let found = read::text_file(&file, file::SIZE_LIMIT, &what)?;
        // What anybody may have put there must not become private, and so trusted, by being rewritten.
        found.iter().try_for_each(|found| access::refuse_open_to_all(found, &file))?;
        Ok(Self { text: found.map(|found| Secret::new(found.text.as_str())), file })
    }
}

/// What `add` was told about a server.
#[derive(Debug, Clone, PartialEq)]
pub struct NewServer {
    url: String,
    options: Vec<(String, Value)>,
}

impl NewServer {
    /// The server at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), options: Vec::new() }
    }

    /// Sets a key of the configuration, for example `clientId`, wherever that key stands in an entry.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.options.push((key.to_owned(), value.into()));
        self
    }

    fn grant(&self) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == "grant").and_then(|(_, value)| value.as_str())
    }
}

/// The text with the server `name` in it. Where the name is there already and has the same URL, the options
/// that are given replace those of the entry and the rest of it stays; where nothing changes, the text comes
/// back byte for byte.
///
/// # Errors
/// `usage` where `name` is no name; `url_mismatch` where it stands for another URL; `config_invalid` where the
/// text cannot be changed, or the entry would not be valid.
pub fn add(draft: &Draft, name: &str, new: &NewServer, env: &Environment) -> Outcome<Secret> {
    name::check(name)?;
    add_checked(draft, name, new, env).map_err(|failure| failure.of_server(name))
}

fn add_checked(draft: &Draft, name: &str, new: &NewServer, env: &Environment) -> Outcome<Secret> {
    let url = server_url(&new.url).map_err(|problem| no_url(&new.url, &problem))?;
    let before = parse(draft)?;
    let mut root = before.clone();
    let servers = servers(&mut root, &draft.file)?;
    if let Some((twin, _)) = servers.iter().find(|(key, _)| key != name && key.eq_ignore_ascii_case(name)) {
        return Err(differs_in_case(name, twin, &draft.file));
    }
    let entry = member(servers, name);
    let members = object(entry, &draft.file, &format!("servers.{name}"))?;
    set_url(members, &url, name)?;
    for (key, value) in &new.options {
        set_option(members, key, value, &draft.file, name)?;
    }
    drop_replaced(members, new);
    if new.grant() == Some(Grant::EnterpriseManaged.as_str()) && !names_identity_provider(members) {
        return Err(by_hand(name, &draft.file));
    }
    let at = Locus::typed(&draft.file, name, new.options.iter().map(|(key, _)| key.clone()).collect());
    validate(name, Merged::new(entry::own(entry.clone(), &at)?, Vec::new(), at)?, env)?;
    match &draft.text {
        Some(text) if before == root => Ok(text.clone()),
        _ => render(&root),
    }
}

/// The text without the server `name`.
///
/// # Errors
/// `not_found` where it is not there, with the names that may have been meant; `config_invalid` where the text
/// cannot be changed.
pub fn remove(draft: &Draft, name: &str) -> Outcome<Secret> {
    let mut root = parse(draft)?;
    let servers = servers(&mut root, &draft.file)?;
    let before = servers.len();
    servers.retain(|(key, _)| key != name);
    if servers.len() == before {
        let near = name::did_you_mean(&name::near(name, servers.iter().map(|(key, _)| key)));
        let (name, file) = (one_line(name), shown(&draft.file));
        let next = "`mcp-credential list` shows those that there are";
        return Err(Failure::new(
            Code::NotFound,
            format!("there is no server `{name}` in {file}{near}; {next}"),
        ));
    }
    render(&root)
}

fn parse(draft: &Draft) -> Outcome<Node> {
    draft
        .text
        .as_ref()
        .map_or_else(|| Ok(Node::Object(Members::new())), |text| file::parse(text.expose(), &draft.file))
}

fn render(root: &Node) -> Outcome<Secret> {
    let text = serde_json::to_string_pretty(root);
    text.map(|text| Secret::new(text + "\n")).map_err(|error| Failure::new(Code::Internal, error.to_string()))
}

fn servers<'a>(root: &'a mut Node, file: &Path) -> Outcome<&'a mut Members> {
    let top = object(root, file, "the top")?;
    if top.iter().any(|(key, _)| key == "upstream") {
        return Err(invalid(format!(
            "{} is in the format of mcp-oauth2-proxy, which has one server and no names: any name means it; edit it by hand, \
             or let `MCP_CREDENTIAL_CONFIG` name another file",
            shown(file)
        )));
    }
    object(member(top, "servers"), file, "servers")
}

/// The members of an object in which no key stands twice: which one to change would be a guess.
fn object<'a>(node: &'a mut Node, file: &Path, path: &str) -> Outcome<&'a mut Members> {
    let Node::Object(members) = node else {
        return Err(invalid(format!("`{path}` in {} must be an object", shown(file))));
    };
    match repeated(members) {
        Some(key) => {
            let key = one_line(key);
            Err(invalid(format!("`{key}` is there twice in `{path}` in {}; remove one", shown(file))))
        }
        None => Ok(members),
    }
}

/// The member called `key`, added as an empty object where it is missing.
fn member<'a>(members: &'a mut Members, key: &str) -> &'a mut Node {
    let index = members.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        members.push((key.to_owned(), Node::Object(Members::new())));
        members.len() - 1
    });
    &mut members[index].1
}

fn set_url(members: &mut Members, url: &str, name: &str) -> Outcome<()> {
    match members.iter().find(|(key, _)| key == "url") {
        None => members.insert(0, ("url".to_owned(), Node::from(url))),
        Some((_, Node::Text(old))) if same_server(old, url) => {}
        Some((_, old)) => {
            let old = match old {
                // Without its query, which may hold more than a message should.
                Node::Text(old) if server_url(old).is_ok() => {
                    format!(", {}", one_line(old.split('?').next().unwrap_or_default()))
                }
                _ => String::new(),
            };
            let text = format!(
                "this name stands for another URL{old}; run `mcp-credential remove {name}` first, or choose another name"
            );
            return Err(Failure::new(Code::UrlMismatch, text));
        }
    }
    Ok(())
}

fn set_option(members: &mut Members, key: &str, value: &Value, file: &Path, name: &str) -> Outcome<()> {
    let value: Node = serde_json::from_value(value.clone()).unwrap_or(Node::Null);
    let target = if keys::find(Section::Server, key).is_some() {
        members
    } else {
        object(member(members, "oauth2"), file, &format!("servers.{name}.oauth2"))?
    };
    *member(target, key) = value;
    Ok(())
}

/// A new way to authenticate takes the place of the old one; what describes a private key goes with it. The assertion
/// goes with its grant; the identity provider stays, since no option brings it back.
fn drop_replaced(members: &mut Members, new: &NewServer) {
    let is_secret = |key: &str| key.starts_with("clientSecret");
    let is_key = |key: &str| key.starts_with("privateKey") || key == "signingAlgorithm";
    let is_assertion = |key: &str| key.starts_with("assertion");
    let given = |key: &str| new.options.iter().any(|(option, _)| option == key);
    let new_secret = new.options.iter().any(|(key, _)| is_secret(key));
    let new_key = given("privateKeyFile");
    let new_assertion = new.options.iter().any(|(key, _)| is_assertion(key));
    let other_grant = new.grant().is_some_and(|grant| grant != Grant::JwtBearer.as_str());
    let goes = |key: &str| {
        (is_secret(key) && (new_secret || new_key))
            || (is_key(key) && new_secret)
            || (is_assertion(key) && (new_assertion || other_grant))
    };
    if let Some((_, Node::Object(oauth2))) = members.iter_mut().find(|(key, _)| key == "oauth2") {
        oauth2.retain(|(key, _)| !goes(key) || given(key));
    }
}

fn names_identity_provider(members: &Members) -> bool {
    let oauth2 = members.iter().find(|(key, _)| key == "oauth2");
    matches!(oauth2, Some((_, Node::Object(oauth2))) if oauth2.iter().any(|(key, _)| key.starts_with("idp")))
}

/// The failure of a grant whose keys have no options.
fn by_hand(name: &str, file: &Path) -> Failure {
    invalid(format!(
        "no option of `add` describes the identity provider that the grant enterprise_managed needs; write `servers.{name}` \
         into {} by hand: `url`, and in `oauth2` `grant`, `clientId`, `idpIssuer` (or `idpTokenUrl`), `idpClientId` and \
         `idpIdTokenFile` (or `idpIdTokenEnv`, `idpIdTokenCommand`)",
        shown(file)
    ))
}

/// The failure of what was typed for a URL; where only the scheme lacks, with the whole of it.
fn no_url(typed: &str, problem: &str) -> Failure {
    let whole = |scheme: &str| server_url(&format!("{scheme}://{typed}")).ok();
    // Only the machine itself is likely to be without TLS.
    let near = || {
        whole("http").filter(|_| Url::parse(&format!("http://{typed}")).is_ok_and(|url| is_loopback(&url)))
    };
    let is_bare = typed.contains(['.', '/', ':']) && !typed.contains("://");
    match near().or_else(|| whole("https")).filter(|_| is_bare && !is_other_scheme(typed)) {
        Some(url) => invalid(format!("the URL has no scheme; write {}", one_line(&url))),
        None => invalid(format!("the URL is no server URL: {problem}")),
    }
}

/// Whether what stands before the first colon is the scheme of another kind of address: no host with a port.
fn is_other_scheme(typed: &str) -> bool {
    typed.split_once(':').is_some_and(|(_, rest)| !rest.starts_with(|first: char| first.is_ascii_digit()))
        && !typed.starts_with('[')
}

fn shown(file: &Path) -> String {
    path_line(file)
}
