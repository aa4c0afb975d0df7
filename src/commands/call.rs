//! Who is asked for, and what: the command line and the request object as one.
//!
//! Owns the rule that the two must not contradict each other, and finding a server by its URL.

use crate::cli::TokenArgs;
use crate::config::{self, Environment};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::same_server;
use crate::request::{self, Rejected, Request};
use crate::store::{Slot, Store};
use crate::text::one_line;
use crate::token::TokenRecord;
use std::time::{Duration, Instant};

/// How long the request object is waited for where the caller states no time limit, in seconds.
const READING: u64 = 8;

/// What was typed, as far as a request object may say it as well.
#[derive(Debug, Default)]
pub struct Typed<'a> {
    /// NAME.
    pub name: Option<&'a str>,
    /// `--url`.
    pub url: Option<&'a str>,
    /// `--min-ttl`.
    pub min_ttl: Option<u64>,
    /// `--rejected-generation` or `--if-generation`.
    pub generation: Option<&'a str>,
    /// `--request -`.
    pub by_object: bool,
    /// `--from-env`.
    pub from_env: bool,
    /// `--timeout`.
    pub timeout: Option<u64>,
}

/// What a program asks for.
#[derive(Debug)]
pub struct Call {
    /// The server.
    pub name: String,
    /// The rest of it, what was typed included.
    pub request: Request,
    /// When the call began.
    pub began: Instant,
}

impl TokenArgs {
    /// What `get` and `refresh` share of what was typed.
    #[must_use]
    pub fn typed(&self) -> Typed<'_> {
        Typed {
            name: self.name.as_deref(),
            url: self.url.as_deref(),
            by_object: self.request.is_some(),
            from_env: self.from_env,
            timeout: self.timeout,
            ..Typed::default()
        }
    }
}

impl Typed<'_> {
    /// Reads the request object, where there is one, and finds out which server is meant.
    ///
    /// # Errors
    /// `usage` for a bad object, a contradiction, or a URL of two servers; `not_found` for one of none; `deadline`
    /// where standard input does not end.
    pub fn call(self, environment: &Environment) -> Outcome<Call> {
        let typed = self.name.filter(|name| config::name::check(name).is_ok());
        self.understood(environment).map_err(|failure| match typed {
            Some(name) => failure.of_server(name),
            None => failure,
        })
    }

    fn understood(&self, environment: &Environment) -> Outcome<Call> {
        let began = Instant::now();
        let object = if self.by_object { request::read(self.reading())? } else { Request::default() };
        let name = agreed("the server", self.name, object.server.as_deref())?.map(str::to_owned);
        let url = self.url_with(object.url.as_deref())?.map(str::to_owned);
        let rejected = self.rejected_with(object.rejected.clone())?;
        let min_ttl = agreed("the life of the token", self.min_ttl, object.min_ttl)?;
        let request = Request { url, min_ttl, rejected, ..object };
        let name = match (name, self.from_env) {
            (Some(_), true) => {
                return Err(usage("`--from-env` takes the place of a name; state one of them"));
            }
            (Some(name), false) => name,
            (None, true) => at_url(&caller_url(environment)?, environment)?,
            (None, false) => match &request.url {
                Some(url) => at_url(url, environment)?,
                None => {
                    return Err(usage("no server is named: state NAME, or `server` or `url` in the object"));
                }
            },
        };
        Ok(Call { name, request, began })
    }

    /// Even a caller that waits for nothing has to be listened to.
    fn reading(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(READING).max(1))
    }

    fn url_with<'u>(&'u self, object: Option<&'u str>) -> Outcome<Option<&'u str>> {
        match (self.url, object) {
            (Some(typed), Some(object)) if !same_server(typed, object) => Err(contradiction("the URL")),
            (typed, object) => Ok(typed.or(object)),
        }
    }

    fn rejected_with(&self, object: Option<Rejected>) -> Outcome<Option<Rejected>> {
        let typed = self.generation.map(|generation| Rejected::Generation(generation.to_owned()));
        match (typed, object) {
            (Some(typed), Some(object)) if typed != object => Err(contradiction("the rejected token")),
            (typed, object) => Ok(typed.or(object)),
        }
    }
}

impl Call {
    /// The generation that was rejected, if that can still be the stored one: a token that is another than the
    /// stored one has been replaced already. Where the proof was refused, the token was not.
    #[must_use]
    pub fn rejected(&self, stored: Option<&TokenRecord>) -> Option<String> {
        match self.request.rejected.as_ref().filter(|_| !self.request.blames_proof())? {
            Rejected::Generation(generation) => Some(generation.clone()),
            Rejected::Token(token) => {
                let same = stored.filter(|stored| stored.access_token == *token)?;
                Some(same.clear.generation.clone())
            }
        }
    }
}

fn agreed<T: PartialEq>(what: &str, typed: Option<T>, object: Option<T>) -> Outcome<Option<T>> {
    match (typed, object) {
        (Some(typed), Some(object)) if typed != object => Err(contradiction(what)),
        (typed, object) => Ok(typed.or(object)),
    }
}

fn contradiction(what: &str) -> Failure {
    usage(&format!(
        "the command line and the request object contradict each other about {what}; state it once"
    ))
}

fn usage(text: &str) -> Failure {
    Failure::new(Code::Usage, text)
}

fn caller_url(environment: &Environment) -> Outcome<String> {
    let text = "`--from-env` needs the URL of the server in `CLAUDE_CODE_MCP_SERVER_URL`, which is not set; state NAME";
    environment.caller_url()?.ok_or_else(|| usage(text))
}

/// The one server at `url`: a configured one, or one that only its record speaks of.
fn at_url(url: &str, environment: &Environment) -> Outcome<String> {
    let mut names = config::names_at(url, environment)?;
    names.extend(of_records(url, environment)?);
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => {
            let text = "no configured server and no stored login is at";
            let fix = "add it with `mcp-credential add NAME URL`";
            Err(Failure::new(Code::NotFound, format!("{text} {}; {fix}", one_line(url))))
        }
        several => {
            let known = one_line(&several.join(", "));
            Err(usage(&format!("several servers are at {}: {known}; name one of them", one_line(url))))
        }
    }
}

/// The names of stored logins at `url` that no configuration speaks of.
fn of_records(url: &str, environment: &Environment) -> Outcome<Vec<String>> {
    let machine = config::load_all(environment)?.machine;
    let configured = config::names(environment)?;
    // No secret is read, so no key is needed.
    let store = Store::new(machine.state_dir, Some(machine.cache_dir), config::KeySource::File);
    let mut names = store.names()?;
    names.retain(|name| !configured.contains(name) && is_at(&store, name, url));
    Ok(names)
}

fn is_at(store: &Store, name: &str, url: &str) -> bool {
    let clear = Slot::new(store, name).peek_clear();
    clear.is_ok_and(|clear| clear.is_some_and(|clear| same_server(&clear.url, url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::token::samples;

    #[test]
    fn what_is_said_twice_must_be_the_same() {
        assert_eq!(agreed("x", Some(1), None).unwrap(), Some(1));
        assert_eq!(agreed("x", None, Some(1)).unwrap(), Some(1));
        assert_eq!(agreed("x", Some(1), Some(1)).unwrap(), Some(1));
        assert_eq!(agreed("x", Some(1), Some(2)).unwrap_err().code, Code::Usage);
        let typed = Typed { url: Some("https://a.example/mcp"), ..Typed::default() };
        assert!(typed.url_with(Some("https://A.example:443/mcp")).is_ok());
        assert_eq!(typed.url_with(Some("https://a.example/")).unwrap_err().code, Code::Usage);
        let typed = Typed { generation: Some("gen"), ..Typed::default() };
        let token = Rejected::Token(Secret::new("canary"));
        let failure = typed.rejected_with(Some(token)).unwrap_err();
        assert!(!failure.message.contains("canary"));
    }

    #[test]
    fn a_rejected_token_is_known_by_itself_and_counts_only_while_it_is_stored() {
        let record = samples::record("demo");
        let call = |token: &str| Call {
            name: "demo".to_owned(),
            request: Request { rejected: Some(Rejected::Token(Secret::new(token))), ..Request::default() },
            began: Instant::now(),
        };
        let generation = Some(record.clear.generation.clone());
        assert_eq!(call(record.access_token.expose()).rejected(Some(&record)), generation);
        assert_eq!(call("older").rejected(Some(&record)), None);
        assert_eq!(call("older").rejected(None), None);
    }
}
