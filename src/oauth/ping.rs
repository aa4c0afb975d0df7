//! One JSON-RPC `ping` to an MCP server, of whose answer only status and headers are looked at.
//!
//! `ping` rather than `initialize`: it opens no session, and servers that let anybody in to initialize
//! still protect it. The body, perhaps an endless stream, is not read; a redirect is not followed.

use super::challenge::Challenge;
use super::http::{Http, Reply, Transport, uri};
use crate::secret::Secret;
use oauth2::HttpRequest;
use oauth2::http::{HeaderValue, Method, header};
use url::Url;

const QUESTION: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A token as a request shows it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The access token.
    pub token: &'a Secret,
    /// The proof of the key that it is bound to (RFC 9449, section 7.1); none for a bearer token.
    pub proof: Option<&'a Secret>,
}

/// Sends the ping, with a token where one is given (RFC 6750, section 2.1).
///
/// # Errors
/// [`Transport`] when no answer came.
pub fn ping(http: &Http, server: &Url, shown: Option<Shown>) -> Result<Reply, Transport> {
    let mut request = HttpRequest::new(QUESTION.to_vec());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(server)?;
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Shown { token, proof }) = shown {
        let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
        headers.insert(header::AUTHORIZATION, secret_value(&format!("{scheme} {}", token.expose()))?);
        if let Some(proof) = proof {
            headers.insert("dpop", secret_value(proof.expose())?);
        }
    }
    http.send_for_head(request)
}

fn secret_value(text: &str) -> Result<HeaderValue, Transport> {
    let unusable = |_| Transport::NotSent("the token cannot stand in a header".to_owned());
    let mut value = HeaderValue::from_str(text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the answer asks for a nonce: the token was not judged (RFC 9449, section 9).
#[must_use]
pub fn wants_nonce(reply: &Reply) -> bool {
    reply.status == 401 && Challenge::of(&reply.headers).is_some_and(|challenge| challenge.wants_dpop_nonce())
}

/// The challenge of an answer that does not accept the token: a 401 with one of a scheme that we know
/// (RFC 9110, section 15.5.2). Anything else, a 401 of a gateway without one or over a
/// proof included, says nothing of it.
#[must_use]
pub fn rejection(reply: &Reply) -> Option<Challenge> {
    let challenge = Challenge::of(&reply.headers).filter(|_| reply.status == 401)?;
    (!challenge.blames_proof()).then_some(challenge)
}
