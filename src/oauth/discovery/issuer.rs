//! Which authorization server, and where its metadata is (RFC 8414, section 3; `OpenID` Connect Discovery,
//! section 4; the fallback of MCP 2025-03-26).

use super::fetch::{AfterFault, Document, Nothing, Verdict, first};
use super::metadata::{self, AuthorizationServer};
use super::resource::{Heard, Published};
use super::{Story, needed};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::known;
use crate::oauth::url::{absolute_uri, origin};
use crate::text::one_line;
use serde_json::Value;
use url::Url;

/// How many authorization servers of one list are tried.
const TRIED: usize = 4;

/// How many of the others are told.
const SHOWN: usize = 3;

/// Who the authorization server may be.
struct Candidate {
    /// The identifier, as published or configured.
    identifier: String,
    /// Nobody published it: it is the origin of the MCP server itself (MCP 2025-03-26).
    guessed: bool,
    /// The configuration names it.
    pinned: bool,
}

impl Candidate {
    /// One that the MCP server names.
    fn named(identifier: &str) -> Self {
        Self { identifier: identifier.to_owned(), guessed: false, pinned: false }
    }
}

/// The metadata of the authorization server to use. `demanded` tells whether the MCP server asked for
/// credentials at all; without that, endpoints are not guessed.
///
/// # Errors
/// `untrusted_server` where what was found must not be used, `unavailable` where nothing was found or a
/// server has a fault.
pub(super) fn find(story: &Story, heard: &Heard, demanded: bool) -> Outcome<AuthorizationServer> {
    let published = heard.published.as_ref();
    let mut last = Nothing::default();
    for candidate in candidates(story, published) {
        let failure = match one(story, &candidate) {
            Ok(Ok(found)) => {
                return Ok(AuthorizationServer { others: others(published, &candidate), ..found });
            }
            // A server with a fault is not passed over: its tokens would belong to another one.
            Ok(Err(Nothing { fault: Some(fault), suspect: None, .. })) => fault,
            Ok(Err(nothing)) => {
                last.add(nothing);
                continue;
            }
            Err(failure) => failure,
        };
        let failure = or_another(story, published, &candidate, failure);
        return story.go_on_without(failure).map(|()| AuthorizationServer::default());
    }
    without_metadata(story, heard, demanded, last)
}

/// The configured issuer; else the published ones in their order; else the MCP server's own origin.
fn candidates(story: &Story, published: Option<&Published>) -> Vec<Candidate> {
    if let Some(issuer) = &story.server.issuer {
        return vec![Candidate { pinned: true, ..Candidate::named(issuer) }];
    }
    let listed = published.map_or(&[][..], |published| &published.authorization_servers);
    if listed.is_empty() {
        return vec![Candidate { guessed: true, ..Candidate::named(&origin(&story.url)) }];
    }
    listed.iter().take(TRIED).map(|listed| Candidate::named(listed)).collect()
}

/// What else the MCP server names, where the choice was ours.
fn others(published: Option<&Published>, candidate: &Candidate) -> Vec<String> {
    let listed = published.filter(|_| !candidate.pinned).into_iter();
    let listed = listed.flat_map(|published| &published.authorization_servers);
    let listed = listed.filter(|other| **other != candidate.identifier);
    listed.filter(|other| crate::oauth::url::endpoint(other).is_ok()).take(SHOWN).cloned().collect()
}

/// `failure` of `candidate` with the others that the MCP server names, and how to choose one of them.
fn or_another(
    story: &Story,
    published: Option<&Published>,
    candidate: &Candidate,
    failure: Failure,
) -> Failure {
    let others = others(published, candidate).into_iter();
    let others: Vec<String> =
        others.filter(|other| identifier(story, &Candidate::named(other)).is_ok()).collect();
    let Some(first) = others.first() else { return failure };
    let names: Vec<String> = others.iter().map(|other| one_line(other)).collect();
    let message = format!(
        "{}; the MCP server names other authorization servers as well ({}): to choose {}, {}",
        failure.message,
        names.join(", "),
        one_line(first),
        story.allowing("issuer", &["--issuer", first])
    );
    Failure { message, ..failure }
}

fn one(story: &Story, candidate: &Candidate) -> Outcome<Result<AuthorizationServer, Nothing>> {
    let url = match identifier(story, candidate) {
        Ok(url) => url,
        Err(failure) if candidate.pinned => return Err(failure),
        Err(failure) => return Ok(Err(Nothing { suspect: Some(failure), ..Nothing::default() })),
    };
    first(story, &places(&url), AfterFault::GoOn, |document| judge(story, candidate, &document))
}

fn identifier(story: &Story, candidate: &Candidate) -> Outcome<Url> {
    let text = &candidate.identifier;
    if candidate.pinned {
        let wrong =
            |why| Failure::new(Code::ConfigInvalid, format!("`issuer` cannot be used: {why}; correct it"));
        return crate::oauth::url::endpoint(text).map_err(wrong);
    }
    let url = story.checked("authorization server", text)?;
    absolute_uri(text).map_err(|why| {
        // It is sent as it stands, and says to others whom we mean.
        let shown = one_line(text);
        story.untrusted(&format!("its authorization server is {shown}: {why}; ask whoever runs the server"))
    })?;
    if url.query().is_some() {
        // RFC 8414, section 2.
        let shown = one_line(text);
        return Err(story.untrusted(&format!(
            "its authorization server is {shown}: an issuer has no query; ask whoever runs the server"
        )));
    }
    Ok(url)
}

/// The well-known places of an issuer (rule 5). A slash at its end is left out here and nowhere else.
pub(super) fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let place = |path: String| {
        let mut place = issuer.clone();
        place.set_query(None);
        place.set_path(&path);
        place
    };
    paths.into_iter().map(place).collect()
}

fn judge(story: &Story, candidate: &Candidate, document: &Document) -> Verdict<AuthorizationServer> {
    if !["issuer", "token_endpoint", "authorization_endpoint"].iter().any(|name| document.contains_key(*name))
    {
        return Verdict::Pass("no authorization server metadata");
    }
    let issuer = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if !is_identical(story, candidate, issuer) {
        return Verdict::Suspect(mismatch(story, &candidate.identifier, issuer));
    }
    metadata::read(story, issuer, document)
}

/// Rule 6: the same text, unless the configuration or a known exception trusts exactly this other one. What the
/// configuration trusts belongs to its own `issuer`: any other server could call itself that as well. A guessed
/// identifier is nobody's text: with or without a slash it is the same origin.
fn is_identical(story: &Story, candidate: &Candidate, issuer: &str) -> bool {
    let identifier = &candidate.identifier;
    let same = issuer == identifier
        || (candidate.pinned && story.server.trusted_issuer.as_deref() == Some(issuer))
        || (candidate.guessed && issuer.strip_suffix('/') == Some(identifier));
    if same {
        return true;
    }
    // A configured issuer is a text to insist on.
    let row = known::allowing(story.known, story.server, identifier, issuer).filter(|_| !candidate.pinned);
    if let Some(row) = row {
        log::info!("the issuer {} is a known exception of this server ({})", row.issuer, row.source);
    }
    row.is_some()
}

fn mismatch(story: &Story, identifier: &str, issuer: &str) -> Failure {
    let expected = one_line(identifier);
    if issuer.is_empty() {
        return story.untrusted(&format!(
            "the metadata of its authorization server {expected} names no issuer; ask whoever runs it"
        ));
    }
    story.untrusted(&format!(
        "the metadata of its authorization server {expected} names another issuer, {}; if you know that both are \
         the same, {}",
        one_line(issuer),
        story.allowing("issuer` and `trustedIssuer", &["--issuer", identifier, "--trusted-issuer", issuer])
    ))
}

/// What is left when no document could be used.
fn without_metadata(
    story: &Story,
    heard: &Heard,
    demanded: bool,
    nothing: Nothing,
) -> Outcome<AuthorizationServer> {
    let notes = nothing.notes.join(", ");
    let doubts = [&heard.doubts[..], &nothing.doubts].concat();
    let is_unprotected = nothing.is_unprotected;
    if let Some(failure) = nothing.reason() {
        if is_unprotected {
            return Err(failure);
        }
        story.go_on_without(failure)?;
    }
    if story.explicit.suffice(story.server) {
        return Ok(AuthorizationServer::default());
    }
    let listed =
        heard.published.as_ref().is_some_and(|published| !published.authorization_servers.is_empty());
    let (needed, name, origin) = (needed(story.server), &story.server.name, origin(&story.url));
    let message = if listed || story.server.issuer.is_some() {
        format!(
            "no metadata of its authorization server was found ({notes}); set {needed} of {name}, or ask whoever runs the server"
        )
    } else if !demanded {
        format!(
            "{origin} asks for no credentials and names no authorization server ({notes}); check `url`, or set {needed} of {name}"
        )
    } else if doubts.is_empty() {
        return Ok(story.explicit.beside(story.server, fallback(story))?.unwrap_or_default());
    } else {
        format!(
            "no metadata of {origin} could be had, and nothing shows that it has none ({}), so its endpoints are not guessed; \
             try again later, or set {needed} of {name}",
            doubts.join(", ")
        )
    };
    Err(Failure::new(Code::Unavailable, message))
}

/// The fixed endpoints of MCP 2025-03-26 (rule 7): where there is no metadata at all, at the origin of the server. PKCE
/// cannot be looked up there; that revision demands it of every server.
fn fallback(story: &Story) -> AuthorizationServer {
    let base = origin(&story.url);
    AuthorizationServer {
        authorization_endpoint: Some(format!("{base}/authorize")),
        token_endpoint: Some(format!("{base}/token")),
        registration_endpoint: Some(format!("{base}/register")),
        ..AuthorizationServer::default()
    }
}
