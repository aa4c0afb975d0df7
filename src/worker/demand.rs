//! What the challenge that a caller handed over demands of a renewal: the authorization server that the MCP server
//! names by now, more scopes, and a token that is bound to a key.

use super::job::Job;
use super::plan::http;
use crate::config::Server;
use crate::dpop;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::discovery::{Discovered, discover, moved, union};
use crate::text::one_line;
use crate::token::{Clear, TokenRecord, split_scope};

/// What was found, with what the challenge demands among the scopes to ask for.
pub(super) fn widened_scope(
    server: &Server,
    mut found: Discovered,
    challenge: Option<&Challenge>,
) -> Discovered {
    if let Some(scopes) = demanded(server, challenge) {
        found.scope = union(found.scope.iter().flat_map(|scope| scope.split(' ')).chain(names(&scopes)));
    }
    found
}

/// The record with the scopes that are asked for next (rule 14): those of the configuration, else those of before
/// and what the challenge demands. Where they are others than before, what is granted is not known until the server
/// says it. Only a grant without a person can bring more scopes: a refresh cannot (RFC 6749, section 6).
pub(super) fn widened(server: &Server, stored: &TokenRecord, challenge: Option<&Challenge>) -> TokenRecord {
    let mut record = stored.clone();
    if !stored.clear.grant.is_unattended() {
        return record;
    }
    let clear = &mut record.clear;
    let all = match (&server.scope, challenge.and_then(Challenge::demanded_scopes)) {
        (Some(configured), _) => Some(split_scope(configured)).filter(|scopes| !scopes.is_empty()),
        (None, Some(demanded)) => {
            let held = [&stored.clear.scopes_requested, &stored.clear.scopes].into_iter().flatten().flatten();
            union(held.map(String::as_str).chain(names(&demanded))).map(|scope| split_scope(&scope))
        }
        (None, None) => return record,
    };
    if all != clear.scopes_requested {
        clear.scopes_requested = all;
        clear.scopes = None;
    }
    record
}

/// The scopes that the challenge demands. No server widens a configured scope: that takes a person.
fn demanded(server: &Server, challenge: Option<&Challenge>) -> Option<Vec<String>> {
    challenge.filter(|_| server.scope.is_none()).and_then(Challenge::demanded_scopes)
}

fn names(scopes: &[String]) -> impl Iterator<Item = &str> {
    scopes.iter().map(String::as_str)
}

/// Whether the challenge demands a key where the stored token has none, and the configuration lets it.
///
/// # Errors
/// `denied` where the server takes no proofs that this program can make.
pub(super) fn demands_key(job: &Job, stored: &TokenRecord, challenge: Option<&Challenge>) -> Outcome<bool> {
    let server = &job.server;
    let is_open = stored.dpop_key.is_none() && server.dpop != Some(false);
    let Some(challenge) = challenge.filter(|challenge| is_open && challenge.is_dpop()) else {
        return Ok(false);
    };
    match http(job).and_then(|http| discover(&http, server, Some(challenge))) {
        Ok(found) => dpop::refuse_without_es256(server, &found)?,
        Err(failure) => log::warn!("which proofs the server takes is not known: {}", failure.message),
    }
    Ok(true)
}

/// A server that has gone over to another authorization server is not served with tokens of the old one.
///
/// # Errors
/// `interaction_required`, or `untrusted_server` where a configured client would have to go with it.
pub(super) fn refuse_moved(job: &Job, stored: Option<&Clear>, challenge: Option<&Challenge>) -> Outcome<()> {
    let (Some(stored), Some(challenge)) = (stored, challenge) else { return Ok(()) };
    let server = &job.server;
    let known = stored.issuer.as_deref();
    let now = http(job).and_then(|http| moved(&http, server, challenge, known, &stored.token_endpoint));
    match now {
        Ok(None) => Ok(()),
        Ok(Some(now)) => Err(other_issuer(server, stored, &now)),
        Err(failure) => {
            log::warn!("the server's metadata could not be looked at: {}", failure.message);
            Ok(())
        }
    }
}

fn other_issuer(server: &Server, stored: &Clear, now: &str) -> Failure {
    // Where the old one had no name, the place of its tokens tells the person what it was.
    let before = stored.issuer.as_deref().unwrap_or(&stored.token_endpoint);
    let (now, before) = (one_line(now), one_line(before));
    if stored.grant.is_unattended() {
        let client = one_line(&stored.client_id);
        let text = format!(
            "the server now names the issuer {now}, but client {client} belongs to {before}; if the client is registered at \
             the new one as well, set `issuer` to it and run `mcp-credential erase {}`, else configure another client",
            server.name
        );
        return Failure::new(Code::UntrustedServer, text);
    }
    let text = format!(
        "the server now names the issuer {now}, and the stored login is of {before}; a login at the new one is needed"
    );
    Failure::new(Code::InteractionRequired, text)
}
