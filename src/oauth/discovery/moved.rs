//! Whether a server has gone over to another authorization server (rules 12 and 21): its old tokens are then
//! worth nothing, and a refresh of them brings another one of the old kind.

use super::{Story, Web, issuer, resource};
use crate::config::Server;
use crate::failure::Outcome;
use crate::oauth::challenge::Challenge;
use crate::oauth::known::{TABLE, same_issuer};
use crate::oauth::url::same_server;

/// The issuer that the metadata of `challenge` leads to by now, where it is another one than `known`, or where
/// none was known (a server of MCP 2025-03-26) and its tokens do not come from `token_endpoint`. Nothing is looked
/// up where the configuration names the authorization server, or the challenge no metadata.
///
/// # Errors
/// Those of [`super::discover`]: then nothing is known.
pub fn moved(
    web: &dyn Web,
    server: &Server,
    challenge: &Challenge,
    known: Option<&str>,
    token_endpoint: &str,
) -> Outcome<Option<String>> {
    let configured = server.issuer.is_some() || server.token_url.is_some() || !server.discovery;
    if configured || challenge.resource_metadata.is_none() {
        return Ok(None);
    }
    let story = Story::new(web, server, TABLE)?;
    let heard = resource::find(&story, Some(challenge))?;
    let Some(published) = &heard.published else { return Ok(None) };
    let listed = &published.authorization_servers;
    if listed.is_empty() || listed.iter().any(|issuer| Some(issuer.as_str()) == known) {
        return Ok(None);
    }
    // The list may write the same issuer in another way that the configuration trusts: its metadata decides.
    let found = issuer::find(&story, &heard, true)?;
    let same = |issuer: &String| match known {
        Some(known) => issuer == known || same_issuer(TABLE, server, known, issuer),
        None => found.token_endpoint.as_ref().is_some_and(|now| same_server(now, token_endpoint)),
    };
    Ok(found.issuer.as_ref().filter(|issuer| !same(issuer)).cloned())
}
