//! Protected resource metadata (RFC 9728): where it is, and whether it speaks of this server.

use super::Story;
use super::fetch::{AfterFault, Document, Nothing, Verdict, first};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::url::{LONGEST_ENDPOINT, absolute_uri, endpoint, origin};
use crate::text::one_line;
use serde_json::Value;
use url::Url;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The members of the document that matter here.
#[derive(Debug)]
pub(super) struct Published {
    /// `resource`, byte for byte.
    pub(super) resource: String,
    /// `authorization_servers`, in their order.
    pub(super) authorization_servers: Vec<String>,
    /// `scopes_supported`, where it is there.
    pub(super) scopes: Option<Vec<String>>,
    /// `dpop_bound_access_tokens_required`.
    pub(super) dpop_required: bool,
    /// `dpop_signing_alg_values_supported`, where it is there.
    pub(super) dpop_algorithms: Option<Vec<String>>,
}

/// What the server says of itself.
#[derive(Default)]
pub(super) struct Heard {
    /// Its document, where it has one.
    pub(super) published: Option<Published>,
    /// Why it may have an authorization server although no metadata is to be had: places and what they answered.
    pub(super) doubts: Vec<String>,
}

/// The document of the server, where it has one. A place that is out of order ends the search: another document could
/// send the login, its scopes and its resource somewhere else.
///
/// # Errors
/// `untrusted_server` for one that speaks of another resource, or that a challenge places on another
/// origin; `unavailable` where the server has a fault; `config_invalid` for an unusable `metadataUrl`.
pub(super) fn find(story: &Story, challenge: Option<&Challenge>) -> Outcome<Heard> {
    let configured = story.server.metadata_url.is_some();
    let places = places(story, challenge)?;
    let is_named = configured || is_named_by(challenge);
    let after_fault = AfterFault::Stop { named: places.first().filter(|_| is_named) };
    let nothing = match first(story, &places, after_fault, |document| judge(story, &document))? {
        Ok(published) => {
            let doubts = vec!["its resource metadata names no authorization server".to_owned()];
            return Ok(Heard { published: Some(published), doubts });
        }
        Err(Nothing { fault: Some(fault), .. }) if configured => return Err(fault),
        Err(Nothing { fault: Some(fault), .. }) => return Err(or_elsewhere(story, fault)),
        Err(nothing) => nothing,
    };
    if configured {
        let notes = nothing.notes.join(", ");
        let message = format!("`metadataUrl` leads to no resource metadata ({notes}); correct it");
        return Err(Failure::new(Code::ConfigInvalid, message));
    }
    Ok(Heard { published: None, doubts: doubts(challenge, nothing) })
}

fn is_named_by(challenge: Option<&Challenge>) -> bool {
    challenge.is_some_and(|challenge| challenge.resource_metadata.is_some())
}

/// A challenge that names a place says that there is metadata, whatever is found there.
fn doubts(challenge: Option<&Challenge>, nothing: Nothing) -> Vec<String> {
    let Nothing { notes, mut doubts, .. } = nothing;
    if let Some(note) = notes.into_iter().next().filter(|_| is_named_by(challenge)) {
        doubts.retain(|doubt| *doubt != note);
        doubts.insert(0, format!("its challenge names {note}"));
    }
    doubts
}

/// `fault` with the way out where it is no passing one.
fn or_elsewhere(story: &Story, fault: Failure) -> Failure {
    let name = &story.server.name;
    let message = format!(
        "{}, and if that place is always like this, set `metadataUrl` of {name} to where the resource metadata is",
        fault.message
    );
    Failure { message, ..fault }
}

/// Where to look: the configured place alone; else what the challenge names, then the well-known place with
/// path and query, then the one of the origin (rule 2).
fn places(story: &Story, challenge: Option<&Challenge>) -> Outcome<Vec<Url>> {
    if let Some(configured) = &story.server.metadata_url {
        let wrong = |why| {
            Failure::new(Code::ConfigInvalid, format!("`metadataUrl` cannot be used: {why}; correct it"))
        };
        return Ok(vec![endpoint(configured).map_err(wrong)?]);
    }
    let named = challenge.and_then(|challenge| challenge.resource_metadata.as_deref());
    let mut places = Vec::new();
    for place in
        named.map(|text| named_place(story, text)).transpose()?.into_iter().chain(well_known(&story.url))
    {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// The place that the challenge names. It must be on the server's own origin (case 9): anything else could
/// bind the login to a stranger's authorization server.
fn named_place(story: &Story, text: &str) -> Outcome<Url> {
    let refuse = |why: &str, advice: &str| {
        story.untrusted(&format!("it names {} as the place of its metadata: {why}; {advice}", one_line(text)))
    };
    let unusable = |why: &str| refuse(why, "ask whoever runs the server");
    let place = story.url.join(text).map_err(|_| unusable("it is not a URL"))?;
    let place = endpoint(place.as_str()).map_err(|why| unusable(&why))?;
    if origin(&place) != origin(&story.url) {
        let advice = story.allowing("metadataUrl", &["--metadata-url", place.as_str()]);
        let why = "it is on another origin than the server";
        return Err(refuse(why, &format!("if you trust that place, {advice}")));
    }
    Ok(place)
}

/// RFC 9728, section 3.1. The slash of a path is kept as the standard says, then left out as many servers
/// expect it.
fn well_known(server: &Url) -> Vec<Url> {
    let path = if server.path() == "/" { "" } else { server.path() };
    let mut places = Vec::new();
    for path in [path, path.trim_end_matches('/')] {
        let mut place = server.clone();
        place.set_path(&format!("{WELL_KNOWN}{path}"));
        places.push(place);
    }
    let mut root = server.clone();
    root.set_path(WELL_KNOWN);
    root.set_query(None);
    places.push(root);
    places
}

fn judge(story: &Story, document: &Document) -> Verdict<Published> {
    if !document.contains_key("resource") && !document.contains_key("authorization_servers") {
        return Verdict::Pass("no resource metadata");
    }
    let Some(resource) = document.get("resource").and_then(Value::as_str) else {
        return Verdict::Refuse(story.untrusted(
            "its resource metadata does not say which resource it is for (`resource`); ask whoever runs the server",
        ));
    };
    if let Err(why) = sound(resource) {
        return Verdict::Refuse(story.untrusted(&format!(
            "its resource metadata is for {}: {why}; ask whoever runs the server",
            one_line(resource)
        )));
    }
    if !covers(resource, &story.url) {
        return Verdict::Refuse(story.untrusted(&format!(
            "its resource metadata is for {}, which does not cover {}; correct `url`, or ask whoever runs the server",
            one_line(resource),
            one_line(&story.server.url)
        )));
    }
    Verdict::Use(Published {
        resource: resource.to_owned(),
        authorization_servers: texts(document, "authorization_servers").unwrap_or_default(),
        scopes: texts(document, "scopes_supported"),
        dpop_required: document.get("dpop_bound_access_tokens_required") == Some(&Value::Bool(true)),
        dpop_algorithms: texts(document, "dpop_signing_alg_values_supported"),
    })
}

/// Whether a name may be kept and sent as it stands: the authorization server reads it in its own way, and must not see
/// another host in it than we do.
fn sound(resource: &str) -> Result<(), String> {
    absolute_uri(resource)?;
    if resource.len() > LONGEST_ENDPOINT {
        return Err("it is longer than any name of a server needs to be".to_owned());
    }
    Ok(())
}

/// Whether a resource of that name holds `server`: the same origin, a path that begins it at the border of a
/// segment, and the same query if it has one (rule 3, case 10).
pub(super) fn covers(resource: &str, server: &Url) -> bool {
    let Some(resource) = sound(resource).ok().and_then(|()| endpoint(resource).ok()) else { return false };
    if origin(&resource) != origin(server) {
        return false;
    }
    if resource.query().is_some() && resource.query() != server.query() {
        return false;
    }
    let (prefix, path) = (resource.path().trim_end_matches('/'), server.path());
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The texts of a list; members of another type are passed over. `None` where there is no list.
pub(super) fn texts(document: &Document, name: &str) -> Option<Vec<String>> {
    let list = document.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
