//! The grammar of the request object.
//!
//! Strict where a mistake could be misread: a wrong type, `null`, a repeated key and an unknown version are
//! refused. A field that is not known is passed over, so that callers of newer versions are understood.

use super::{HttpTarget, Rejected, Request, Response};
use crate::config::node::{Members, Node, repeated};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::http::is_nonce;
use crate::oauth::url::endpoint;
use crate::secret::Secret;

/// The largest object, in bytes.
pub const SIZE_LIMIT: usize = 64 * 1024;
/// The version of the protocol that is spoken here.
const VERSION: u64 = 1;
/// Every field by name: a message may repeat these and nothing else.
const NAMES: [&str; 13] = [
    "version",
    "server",
    "url",
    "min_ttl",
    "rejected",
    "generation",
    "token",
    "response",
    "status",
    "www_authenticate",
    "http",
    "method",
    "dpop_nonce",
];

/// Reads a request object.
///
/// # Errors
/// `usage` that names the field and never its value.
pub fn parse(bytes: &[u8]) -> Outcome<Request> {
    if bytes.len() > SIZE_LIMIT {
        return Err(refuse("it is larger than 64 KiB"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(refuse("standard input is empty"));
    }
    let node: Node = serde_json::from_slice(bytes).map_err(|error| {
        // The error's own text may repeat what was read.
        refuse(&format!("it is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    unique(&node)?;
    let mut fields = Fields::of("", node)?;
    version(&mut fields)?;
    Ok(Request {
        server: fields.text("server")?,
        url: fields.url("url")?,
        min_ttl: fields.number("min_ttl", 0..=u64::MAX)?,
        rejected: fields.object("rejected")?.map(rejected).transpose()?,
        response: fields.object("response")?.map(response).transpose()?,
        http: fields.object("http")?.map(http).transpose()?,
    })
}

fn version(fields: &mut Fields) -> Outcome<()> {
    match fields.number("version", 0..=u64::MAX)? {
        None | Some(VERSION) => Ok(()),
        Some(_) => Err(refuse("`version` is not 1, the version that this program speaks")),
    }
}

fn rejected(mut fields: Fields) -> Outcome<Rejected> {
    match (fields.text("generation")?, fields.text("token")?) {
        (Some(generation), None) => Ok(Rejected::Generation(generation)),
        (None, Some(token)) => Ok(Rejected::Token(Secret::new(token))),
        (Some(_), Some(_)) => Err(refuse("`rejected` has both `generation` and `token`; state one")),
        (None, None) => Err(refuse("`rejected` has neither `generation` nor `token`")),
    }
}

fn response(mut fields: Fields) -> Outcome<Response> {
    let status = fields.number("status", 100..=599)?.and_then(|status| u16::try_from(status).ok());
    let challenges = fields.texts("www_authenticate")?;
    Ok(Response { status, challenge: Challenge::pick(challenges) })
}

fn http(mut fields: Fields) -> Outcome<HttpTarget> {
    let missing = |name: &str| refuse(&format!("`http.{name}` is missing"));
    let method = fields.text("method")?.ok_or_else(|| missing("method"))?;
    if !method.bytes().all(is_token) {
        return Err(refuse("`http.method` is no HTTP method"));
    }
    let url = fields.url("url")?.ok_or_else(|| missing("url"))?;
    let dpop_nonce = fields.text("dpop_nonce")?;
    if dpop_nonce.as_ref().is_some_and(|nonce| !is_nonce(nonce)) {
        return Err(refuse("`http.dpop_nonce` is no nonce"));
    }
    Ok(HttpTarget { method, url, dpop_nonce })
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The members of one object.
struct Fields {
    /// Where it stands: empty, or a name and a dot.
    at: String,
    members: Members,
}

impl Fields {
    fn of(at: &str, node: Node) -> Outcome<Self> {
        let members = node.into_members().map_err(|other| {
            let what = if at.is_empty() { "it".to_owned() } else { format!("`{at}`") };
            refuse(&format!("{what} must be an object, and is {}", other.kind()))
        })?;
        let at = if at.is_empty() { String::new() } else { format!("{at}.") };
        Ok(Self { at, members })
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let index = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.swap_remove(index).1)
    }

    fn wrong(&self, name: &str, problem: &str) -> Failure {
        refuse(&format!("`{}{name}` {problem}", self.at))
    }

    /// A text that is not empty.
    fn text(&mut self, name: &str) -> Outcome<Option<String>> {
        let Some(node) = self.take(name) else { return Ok(None) };
        let kind = node.kind();
        match node.into_text() {
            Some(text) if text.is_empty() => Err(self.wrong(name, "is empty")),
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong(name, &format!("must be a text, and is {kind}"))),
        }
    }

    fn url(&mut self, name: &str) -> Outcome<Option<String>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match endpoint(&text) {
            Ok(_) => Ok(Some(text)),
            Err(why) => Err(self.wrong(name, &format!("cannot be used: {why}"))),
        }
    }

    fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Outcome<Option<u64>> {
        let Some(node) = self.take(name) else { return Ok(None) };
        let number = match &node {
            Node::Number(number) => number.as_u64().filter(|number| range.contains(number)),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None if *range.end() == u64::MAX => Err(self.wrong(name, "must be a whole number, 0 or more")),
            None => {
                let (first, last) = range.into_inner();
                Err(self.wrong(name, &format!("must be a whole number from {first} to {last}")))
            }
        }
    }

    /// A list of texts, or one text.
    fn texts(&mut self, name: &str) -> Outcome<Vec<String>> {
        let texts = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Node::List(items)) => items.into_iter().map(Node::into_text).collect(),
            Some(node) => node.into_text().map(|text| vec![text]),
        };
        texts.ok_or_else(|| self.wrong(name, "must be a text or a list of texts"))
    }

    fn object(&mut self, name: &str) -> Outcome<Option<Self>> {
        let at = format!("{}{name}", self.at);
        self.take(name).map(|node| Self::of(&at, node)).transpose()
    }
}

/// Refuses a repeated key, however deep: which of the two values would count?
fn unique(node: &Node) -> Outcome<()> {
    match node {
        Node::Object(members) => {
            if let Some(key) = repeated(members) {
                let what = if NAMES.contains(&key) { format!("`{key}`") } else { "a member".to_owned() };
                return Err(refuse(&format!("{what} is there twice")));
            }
            members.iter().try_for_each(|(_, value)| unique(value))
        }
        Node::List(items) => items.iter().try_for_each(unique),
        _ => Ok(()),
    }
}

fn refuse(problem: &str) -> Failure {
    Failure::new(Code::Usage, format!("the request object cannot be used: {problem}; see protocol.md"))
}
