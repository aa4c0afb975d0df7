//! `client-metadata`: a document that describes this client, for a company to host
//! (draft-ietf-oauth-client-id-metadata-document; RFC 7591, section 2).
//!
//! It reads no configuration and asks nobody. Where the document ends up, and that it can be fetched there, is
//! the business of whoever hosts it.

use crate::cli::ClientMetadataArgs;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::callback::default_redirect_uris;
use crate::oauth::grant::DEVICE_CODE;
use crate::oauth::url::{client_metadata_url, endpoint};
use crate::reply;
use crate::text::one_line;
use serde::Serialize;

/// The members in the order in which a person reads them.
#[derive(Serialize)]
struct Document<'a> {
    client_id: &'a str,
    client_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<&'a str>,
    application_type: &'static str,
    redirect_uris: Vec<String>,
    grant_types: [&'static str; 3],
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
}

/// Runs the verb.
///
/// # Errors
/// `usage` for a URL, a redirect URI or a name that no server would take; `other` when stdout is closed.
pub fn run(args: &ClientMetadataArgs) -> Outcome<()> {
    client_metadata_url(&args.url).map_err(|why| wrong("--url", &args.url, &why))?;
    for (option, uri) in [("--client-uri", &args.client_uri), ("--jwks-uri", &args.jwks_uri)] {
        if let Some(uri) = uri {
            endpoint(uri).map_err(|why| wrong(option, uri, &why))?;
        }
    }
    if args.client_name.trim().is_empty() || args.client_name.chars().any(char::is_control) {
        return Err(wrong("--client-name", &args.client_name, "it is no name that a page could show"));
    }
    reply::document(&Document {
        client_id: &args.url,
        client_name: &args.client_name,
        client_uri: args.client_uri.as_deref(),
        application_type: "native",
        redirect_uris: redirect_uris(args)?,
        // A login on another device (RFC 8628) comes without asking, over SSH for example.
        grant_types: ["authorization_code", "refresh_token", DEVICE_CODE],
        response_types: ["code"],
        token_endpoint_auth_method: if args.jwks_uri.is_some() { "private_key_jwt" } else { "none" },
        jwks_uri: args.jwks_uri.as_deref(),
    })
}

/// Those that were asked for; else every one that a login of this program may come with. Without a port they
/// stand for any port (RFC 8252, section 7.3).
fn redirect_uris(args: &ClientMetadataArgs) -> Outcome<Vec<String>> {
    if args.redirect_uri.is_empty() {
        let fixed = args.callback_port.map(Some);
        return Ok([None].into_iter().chain(fixed).flat_map(default_redirect_uris).collect());
    }
    for uri in &args.redirect_uri {
        let url = endpoint(uri).map_err(|why| wrong("--redirect-uri", uri, &why))?;
        if url.fragment().is_some() {
            return Err(wrong("--redirect-uri", uri, "it has a fragment (`#…`)"));
        }
    }
    Ok(args.redirect_uri.clone())
}

fn wrong(option: &str, value: &str, why: &str) -> Failure {
    Failure::new(Code::Usage, format!("`{option} {}` cannot be used: {why}", one_line(value)))
}
