//! `status [NAME]`: what is stored for a server and what became of its last call, without any secret.

use super::switches;
use crate::binding;
use crate::cli::{ListFormat, StatusArgs};
use crate::clock::{self, rfc3339};
use crate::config::{self, AllServers, Environment, Grant, Server};
use crate::failure::{Failure, Outcome};
use crate::oauth::url::same_server;
use crate::reply;
use crate::store::state::LastError;
use crate::store::{Slot, Store};
use crate::text::{one_line, path_line, whole_line};
use crate::token::{Clear, DPOP};
use serde_json::{Map, Value, json};

/// What is known about one server.
#[derive(Debug)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its URL, from the configuration, else from its record.
    pub url: Option<String>,
    configured: bool,
    grant: Option<Grant>,
    record: Outcome<Option<Clear>>,
    /// Why a record that is there cannot be opened.
    sealed: Option<Failure>,
    trouble: Option<Failure>,
    last_error: Option<LastError>,
    ended: Option<String>,
    probe_off_until: Option<u64>,
    switches: Vec<Value>,
    skew: u64,
}

/// Runs the verb.
///
/// # Errors
/// `not_found` for a name that neither the configuration nor the store knows, and those of the configuration.
pub fn run(args: &StatusArgs, environment: &Environment) -> Outcome<()> {
    let (summaries, nothing) = if let Some(name) = &args.name {
        (vec![one(name, environment)?], String::new())
    } else {
        let servers = config::load_all(environment)?;
        (all(&servers, environment)?, nothing(&servers))
    };
    match (args.format, &args.name) {
        (ListFormat::Json, Some(_)) => reply::document(&summaries.first().map(Summary::full)),
        (ListFormat::Json, None) => reply::document(&summaries.iter().map(Summary::full).collect::<Vec<_>>()),
        (ListFormat::Text, _) if summaries.is_empty() => {
            reply::note(&nothing);
            Ok(())
        }
        (ListFormat::Text, _) => {
            reply::line(&summaries.iter().map(Summary::text).collect::<Vec<_>>().join("\n\n"))
        }
    }
}

/// What is said where there is no server to tell of.
#[must_use]
pub fn nothing(servers: &AllServers) -> String {
    if servers.any_name {
        let file = path_line(&servers.machine.config_file);
        return format!(
            "{file} is in the format of mcp-oauth2-proxy: it has one server, which any name means; next: `mcp-credential login NAME`"
        );
    }
    "no server is configured; add one with `mcp-credential add NAME URL`".to_owned()
}

fn one(name: &str, environment: &Environment) -> Outcome<Summary> {
    let session = super::Session::open(name, environment)?;
    let configured = session.loaded.server.as_ref();
    Ok(Summary::new(name, configured.map(|server| Ok(server.clone())), &session.store))
}

/// Every configured server, and every other one that has a record, in this order.
///
/// # Errors
/// `cache_damaged` when the store's directory cannot be read.
pub fn all(servers: &AllServers, environment: &Environment) -> Outcome<Vec<Summary>> {
    let store_at = |cache: &std::path::Path| {
        Store::new(servers.machine.state_dir.clone(), Some(cache.to_owned()), servers.key.clone())
    };
    let mut summaries: Vec<Summary> = servers
        .servers
        .iter()
        .map(|listed| Summary::new(&listed.name, Some(listed.server.clone()), &store_at(&listed.cache_dir)))
        .collect();
    let store = store_at(&servers.machine.cache_dir);
    for name in store.names()? {
        if !summaries.iter().any(|summary| summary.name == name) {
            let alone = of_environment(&name, &store, environment);
            summaries.push(Summary::new(&name, alone.map(Ok), &store));
        }
    }
    Ok(summaries)
}

/// The server that the environment alone defines, where the record of `name` is for it. Under other names the
/// environment means the same server, and says nothing of theirs.
fn of_environment(name: &str, store: &Store, environment: &Environment) -> Option<Server> {
    let server = config::load(name, environment).ok()?.server?;
    let clear = Slot::new(store, name).peek_clear().ok()??;
    same_server(&server.url, &clear.url).then_some(server)
}

impl Summary {
    fn new(name: &str, server: Option<Outcome<Server>>, store: &Store) -> Self {
        let valid = config::name::check(name).is_ok();
        let slot = Slot::new(store, name);
        // A name that is none must not become part of a path.
        let record = if valid { slot.peek_clear() } else { Ok(None) };
        let state = if valid { slot.state().read() } else { crate::store::state::State::default() };
        let sealed = if matches!(record, Ok(Some(_))) { slot.peek().err() } else { None };
        let configured = server.is_some();
        let (server, mut trouble) = match server {
            Some(Ok(server)) => (Some(server), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        let clear = record.as_ref().ok().and_then(Option::as_ref);
        if let (Some(server), Some(clear)) = (&server, clear) {
            trouble = trouble.or_else(|| binding::check(server, clear).err());
        }
        Self {
            name: one_line(name),
            url: server.as_ref().map(|s| s.url.clone()).or_else(|| clear.map(|clear| clear.url.clone())),
            configured,
            grant: server.as_ref().map(|server| server.grant).or_else(|| clear.map(|clear| clear.grant)),
            switches: server.as_ref().map(|server| switches::of(server, clear)).unwrap_or_default(),
            skew: server.as_ref().map_or(0, |server| server.refresh_skew_seconds),
            record,
            sealed,
            trouble,
            last_error: state.last_error,
            ended: state.ended,
            probe_off_until: state.probe_off_until.filter(|until| clock::now() < *until),
        }
    }

    /// `fresh`, `stale` (will be renewed), `expired`, `damaged`, `unusable` or `none`.
    fn state(&self) -> &'static str {
        let now = clock::now();
        match &self.record {
            Err(_) => "damaged",
            Ok(_) if self.sealed.is_some() => "damaged",
            Ok(_) if self.trouble.is_some() => "unusable",
            Ok(None) => "none",
            Ok(Some(clear)) if clear.is_fresh(now, self.skew) => "fresh",
            Ok(Some(clear)) if clear.is_alive(now) || clear.can_refresh => "stale",
            // Its client is known, and no person is needed.
            Ok(Some(_)) if self.configured && self.is_unattended() => "stale",
            Ok(Some(_)) => "expired",
        }
    }

    fn is_unattended(&self) -> bool {
        self.grant.is_some_and(Grant::is_unattended)
    }

    /// Whether it ends with the token: the server has refused the refresh token, or gave none.
    fn cannot_be_renewed(&self) -> bool {
        let renewable = |clear: &Clear| clear.can_refresh || self.is_unattended();
        self.record.as_ref().is_ok_and(|clear| !clear.as_ref().is_some_and(renewable))
    }

    /// The state in words.
    #[must_use]
    pub fn state_text(&self) -> &'static str {
        match self.state() {
            "none" if self.is_unattended() => "no token yet",
            "none" => "no login",
            "fresh" if self.cannot_be_renewed() => "valid, but cannot be renewed",
            "fresh" => "valid",
            "stale" => "will be renewed",
            "expired" if self.is_unattended() => "ended",
            "expired" => "login needed",
            "damaged" => "damaged",
            _ => "unusable",
        }
    }

    /// The line of `list`.
    #[must_use]
    pub fn brief(&self) -> Value {
        let mut object = Map::new();
        object.insert("name".into(), json!(self.name));
        object.insert("url".into(), json!(self.url));
        object.insert("grant".into(), json!(self.grant.map(Grant::as_str)));
        object.insert("configured".into(), json!(self.configured));
        object.insert("state".into(), json!(self.state()));
        if let Some(failure) = self.problem() {
            object.insert("problem".into(), json!({"code": failure.code, "message": failure.message}));
        }
        Value::Object(object)
    }

    /// Everything that is no secret.
    #[must_use]
    pub fn full(&self) -> Value {
        let mut value = self.brief();
        let Value::Object(object) = &mut value else { return value };
        if let Ok(Some(clear)) = &self.record {
            object.insert("token".into(), json!(clear));
        }
        if let Some(last) = &self.last_error {
            let error =
                json!({"at": rfc3339(last.at), "code": last.failure.code, "message": last.failure.message});
            object.insert("last_error".into(), error);
        }
        if let Some(until) = self.probe_off_until {
            object.insert("probe_off_until".into(), json!(rfc3339(until)));
        }
        if let Some(ended) = &self.ended {
            object.insert("ended".into(), json!(ended));
        }
        if !self.switches.is_empty() {
            object.insert("switches".into(), json!(self.switches));
        }
        value
    }

    fn problem(&self) -> Option<&Failure> {
        self.record.as_ref().err().or(self.sealed.as_ref()).or(self.trouble.as_ref())
    }

    fn text(&self) -> String {
        let mut lines = Lines(vec![format!("{}: {}", self.name, self.state_text())]);
        lines.say("url", self.url.as_deref());
        lines.say("grant", self.grant.map(Grant::as_str));
        if !self.configured {
            lines.say("configuration", Some("none; known from its stored login alone"));
        }
        for switch in &self.switches {
            lines.say("switch", Some(&switches::line(switch)));
        }
        lines.tell("problem", self.problem().map(|failure| failure.message.as_str()));
        if let Ok(Some(clear)) = &self.record {
            lines.record(clear);
        }
        let off = self
            .probe_off_until
            .map(|until| format!("the server refuses new tokens; it is not asked until {}", rfc3339(until)));
        lines.say("verification", off.as_deref());
        lines.tell("login ended", self.ended.as_deref());
        let last = self.last_error.as_ref();
        lines.tell(
            "last error",
            last.map(|last| format!("{}: {}", rfc3339(last.at), reply::advice(&last.failure))).as_deref(),
        );
        lines.0.join("\n")
    }
}

/// What `status` says of one server to people.
struct Lines(Vec<String>);

impl Lines {
    fn say(&mut self, what: &str, value: Option<&str>) {
        self.push(what, value.map(one_line));
    }

    /// The same for a message of this program: what it says to do next stands at its end.
    fn tell(&mut self, what: &str, message: Option<&str>) {
        self.push(what, message.map(whole_line));
    }

    fn push(&mut self, what: &str, value: Option<String>) {
        self.0.extend(value.map(|value| format!("  {what:<16}{value}")));
    }

    fn record(&mut self, clear: &Clear) {
        self.say("issuer", clear.issuer.as_deref());
        self.say("token endpoint", Some(&clear.token_endpoint));
        self.say("resource", clear.resource.as_deref());
        self.say("bound to a key", (clear.token_type == DPOP).then_some("yes (DPoP)"));
        self.say("client", Some(clear.client_id.as_str()).filter(|id| !id.is_empty()));
        self.say("authentication", Some(clear.token_endpoint_auth_method.as_str()));
        self.say("scopes", clear.scopes.as_ref().map(|scopes| scopes.join(" ")).as_deref());
        self.say("asked for", narrowed(clear).as_deref());
        self.say("obtained", Some(&rfc3339(clear.obtained_at)));
        self.say("expires", Some(&clear.expires_at.map_or_else(|| "unknown".to_owned(), rfc3339)));
        self.say("refresh token", Some(if clear.can_refresh { "yes" } else { "no" }));
        self.say("generation", Some(&clear.generation));
    }
}

/// The scopes that were asked for, where others were granted.
fn narrowed(clear: &Clear) -> Option<String> {
    let (granted, requested) = (clear.scopes.as_ref()?, clear.scopes_requested.as_ref()?);
    (granted != requested).then(|| requested.join(" "))
}
