//! `status [NAME]`: what is stored for a server and what became of its last call, without any secret.

use super::switches;
use crate::binding;
use crate::cli::{ListFormat, StatusArgs};
use crate::clock::{self, rfc3339};
use crate::config::{self, AllServers, Environment, Server};
use crate::failure::{Failure, Outcome};
use crate::reply;
use crate::store::state::LastError;
use crate::store::{Slot, Store};
use crate::text::one_line;
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
    grant: Option<&'static str>,
    record: Outcome<Option<Clear>>,
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
    let summaries = match &args.name {
        Some(name) => vec![one(name, environment)?],
        None => all(&config::load_all(environment)?)?,
    };
    match (args.format, &args.name) {
        (ListFormat::Json, Some(_)) => reply::document(&summaries.first().map(Summary::full)),
        (ListFormat::Json, None) => reply::document(&summaries.iter().map(Summary::full).collect::<Vec<_>>()),
        (ListFormat::Text, _) if summaries.is_empty() => {
            reply::note("no server is configured; add one with `mcp-credential add NAME URL`");
            Ok(())
        }
        (ListFormat::Text, _) => {
            reply::line(&summaries.iter().map(Summary::text).collect::<Vec<_>>().join("\n\n"))
        }
    }
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
pub fn all(servers: &AllServers) -> Outcome<Vec<Summary>> {
    let store_at = |cache: &std::path::Path| {
        let key = crate::config::KeySource::File;
        Store::new(servers.machine.state_dir.clone(), Some(cache.to_owned()), key)
    };
    let mut summaries: Vec<Summary> = servers
        .servers
        .iter()
        .map(|listed| Summary::new(&listed.name, Some(listed.server.clone()), &store_at(&listed.cache_dir)))
        .collect();
    let store = store_at(&servers.machine.cache_dir);
    for name in store.names()? {
        if !summaries.iter().any(|summary| summary.name == name) {
            summaries.push(Summary::new(&name, None, &store));
        }
    }
    Ok(summaries)
}

impl Summary {
    fn new(name: &str, server: Option<Outcome<Server>>, store: &Store) -> Self {
        let valid = config::name::check(name).is_ok();
        let slot = Slot::new(store, name);
        // A name that is none must not become part of a path.
        let record = if valid { slot.peek_clear() } else { Ok(None) };
        let state = if valid { slot.state().read() } else { crate::store::state::State::default() };
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
            grant: server.as_ref().map(|s| s.grant.as_str()).or_else(|| clear.map(|c| c.grant.as_str())),
            switches: server.as_ref().map(|server| switches::of(server, clear)).unwrap_or_default(),
            skew: server.as_ref().map_or(0, |server| server.refresh_skew_seconds),
            record,
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
            Ok(_) if self.trouble.is_some() => "unusable",
            Ok(None) => "none",
            Ok(Some(clear)) if clear.is_fresh(now, self.skew) => "fresh",
            Ok(Some(clear)) if clear.is_alive(now) || clear.can_refresh => "stale",
            Ok(Some(_)) => "expired",
        }
    }

    /// The state in words.
    #[must_use]
    pub fn state_text(&self) -> &'static str {
        match self.state() {
            "none" => "no login",
            "fresh" => "valid",
            "stale" => "will be renewed",
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
        object.insert("grant".into(), json!(self.grant));
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
        self.record.as_ref().err().or(self.trouble.as_ref())
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.name, self.state_text())];
        let mut say = |what: &str, value: Option<&str>| {
            lines.extend(value.map(|value| format!("  {what:<16}{}", one_line(value))));
        };
        say("url", self.url.as_deref());
        say("grant", self.grant);
        if !self.configured {
            say("configuration", Some("none; known from its stored login alone"));
        }
        for switch in &self.switches {
            say("switch", Some(&switches::line(switch)));
        }
        say("problem", self.problem().map(|failure| failure.message.as_str()));
        if let Ok(Some(clear)) = &self.record {
            say("issuer", clear.issuer.as_deref());
            say("token endpoint", Some(&clear.token_endpoint));
            say("resource", clear.resource.as_deref());
            say("bound to a key", (clear.token_type == DPOP).then_some("yes (DPoP)"));
            say("client", Some(clear.client_id.as_str()).filter(|id| !id.is_empty()));
            say("authentication", Some(clear.token_endpoint_auth_method.as_str()));
            say("scopes", clear.scopes.as_ref().map(|scopes| scopes.join(" ")).as_deref());
            say("asked for", narrowed(clear).as_deref());
            say("obtained", Some(&rfc3339(clear.obtained_at)));
            say("expires", Some(&clear.expires_at.map_or_else(|| "unknown".to_owned(), rfc3339)));
            say("refresh token", Some(if clear.can_refresh { "yes" } else { "no" }));
            say("generation", Some(&clear.generation));
        }
        let off = self
            .probe_off_until
            .map(|until| format!("the server refuses new tokens; it is not asked until {}", rfc3339(until)));
        say("verification", off.as_deref());
        say("login ended", self.ended.as_deref());
        let last = self.last_error.as_ref();
        say(
            "last error",
            last.map(|last| format!("{} at {}", last.failure.message, rfc3339(last.at))).as_deref(),
        );
        lines.join("\n")
    }
}

/// The scopes that were asked for, where others were granted.
fn narrowed(clear: &Clear) -> Option<String> {
    let (granted, requested) = (clear.scopes.as_ref()?, clear.scopes_requested.as_ref()?);
    (granted != requested).then(|| requested.join(" "))
}
