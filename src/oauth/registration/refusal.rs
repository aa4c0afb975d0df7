//! Registrations that did not happen: why, and what a person can do about it.

use super::{Order, Registered};
use crate::clock;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::http::{Reply, Transport};
use crate::text::{command_line, one_line};
use serde_json::{Map, Value};
use url::Url;

/// The port that is proposed where the configuration leaves it open.
const PROPOSED_PORT: u16 = 53_682;

/// The server said no to what was asked.
pub(super) struct Refused {
    /// What to tell.
    pub(super) failure: Failure,
    /// Whether the same without `scope` may be taken.
    pub(super) may_be_the_scope: bool,
}

/// Judges an answer that registered nothing.
pub(super) fn judge(order: &Order, reply: &Reply) -> Outcome<Result<Registered, Refused>> {
    let wait = reply.retry_after(clock::now());
    let status = reply.status;
    match status {
        429 => {
            let what = "asks to come back later with the registration (HTTP 429); try again then";
            Err(order.failure(Code::RateLimited, what).retry_after(wait))
        }
        300..=399 => {
            let what = format!(
                "answered the registration with a redirect (HTTP {status}), which is not followed; ask whoever runs it"
            );
            Err(order.failure(Code::Unavailable, &what))
        }
        500.. => {
            let what = format!("could not register a client (HTTP {status}); try again later");
            Err(order.failure(Code::Unavailable, &what).retry_after(wait))
        }
        404 | 405 | 410 => {
            Err(by_hand(order, &format!("has nothing at its registration endpoint (HTTP {status})")))
        }
        _ => Ok(Err(refused(order, reply))),
    }
}

/// A refusal with an error code (RFC 7591, section 3.2.2), or without.
fn refused(order: &Order, reply: &Reply) -> Refused {
    let fields: Map<String, Value> = serde_json::from_str(reply.text().trim()).unwrap_or_default();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (error, description) = (text("error"), text("error_description"));
    let about_redirect =
        error == "invalid_redirect_uri" || description.to_ascii_lowercase().contains("redirect");
    let said = said(reply.status, error, description);
    if about_redirect {
        return Refused { failure: redirect(order, &said), may_be_the_scope: false };
    }
    let closed = matches!(reply.status, 401 | 403);
    let failure = if closed {
        by_hand(order, &format!("does not register just anybody ({said})"))
    } else {
        let what = format!(
            "refused to register a client ({said}); change `scope`, `clientName` or `authStyle` of {0}, or register a \
             client by hand and set `clientId` of {0}",
            order.server.name
        );
        order.failure(Code::Denied, &what)
    };
    // Keycloak refuses scopes that are not assigned with 403 `insufficient_scope`.
    let about_scope = ["invalid_client_metadata", "invalid_scope", "insufficient_scope"].contains(&error);
    Refused { failure, may_be_the_scope: about_scope }
}

fn said(status: u16, error: &str, description: &str) -> String {
    match (error, description) {
        ("", _) => format!("HTTP {status}"),
        (error, "") => one_line(error),
        (error, description) => format!("{}: {}", one_line(error), one_line(description)),
    }
}

fn redirect(order: &Order, said: &str) -> Failure {
    let what = format!(
        "refused the redirect URI {} ({said}); set `callbackHost` of {} to 127.0.0.1 or localhost, `callbackPort` to a \
         fixed port, or `redirectUri` to one that it takes",
        listed(order.redirect_uris),
        order.server.name
    );
    order.failure(Code::Denied, &what)
}

/// What to tell where no client can be had automatically (rule 9): what to register, and what to set.
pub(super) fn by_hand(order: &Order, why: &str) -> Failure {
    let open = order.server.callback.port == 0 && order.server.callback.redirect_uri.is_none();
    let uris: Vec<String> =
        order.redirect_uris.iter().map(|uri| if open { with_port(uri) } else { uri.clone() }).collect();
    let port = if open { format!(", `callbackPort` to {PROPOSED_PORT}") } else { String::new() };
    let mut add = vec!["mcp-credential", "add", &order.server.name, &order.server.url, "--client-id", "ID"];
    let proposed = PROPOSED_PORT.to_string();
    if open {
        add.extend(["--callback-port", &proposed]);
    }
    let what = format!(
        "{why}: register a native (public) client there by hand, for the authorization code grant with PKCE and refresh \
         tokens, with the redirect URI {}; then set `clientId` of {}{port}, and `clientSecretFile` if it gave you a secret: \
         `{}` (and `--client-secret-file PATH`){}{}",
        listed(&uris),
        order.server.name,
        command_line(&add),
        by_document(order),
        elsewhere(order)
    );
    order.failure(Code::ConfigInvalid, &what)
}

/// The way without any registration, where the server knows it.
fn by_document(order: &Order) -> &'static str {
    match (order.discovered.client_metadata_supported, &order.server.client_metadata_url) {
        (true, None) => {
            "; or set `clientMetadataUrl` to the URL of a client metadata document, which that server reads \
             (`mcp-credential client-metadata --help`)"
        }
        (false, Some(_)) => "; that server does not say that it reads the document at `clientMetadataUrl`",
        _ => "",
    }
}

/// The other authorization servers, of which one may register clients.
fn elsewhere(order: &Order) -> String {
    if order.discovered.others.is_empty() {
        return String::new();
    }
    let others = listed(&order.discovered.others);
    format!("; or set `issuer` to another authorization server that the MCP server names, such as {others}")
}

/// The same URI with a port that can be written into a registration.
fn with_port(uri: &str) -> String {
    let Ok(mut url) = Url::parse(uri) else { return uri.to_owned() };
    let _ = url.set_port(Some(PROPOSED_PORT));
    url.into()
}

fn listed(uris: &[String]) -> String {
    uris.iter().map(|uri| one_line(uri)).collect::<Vec<_>>().join(" and ")
}

/// A request that brought no complete answer.
pub(super) fn fault(order: &Order, fault: &Transport) -> Failure {
    let what = format!("did not answer the registration properly: {fault}; try again later");
    order.failure(Code::Unavailable, &what)
}
