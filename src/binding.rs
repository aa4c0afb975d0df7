//! What a stored token is bound to. A name is no security boundary: a token goes to the server, the issuer
//! and the client that it was issued for, whatever the name points to today.

use crate::config::{ResourceParameter, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::Client;
use crate::oauth::known;
use crate::oauth::url::{origin_of, same_server};
use crate::request::HttpTarget;
use crate::store::Slot;
use crate::store::issuers::Home;
use crate::store::lock::Held;
use crate::text::one_line;
use crate::token::{Clear, NO_PREDECESSOR, split_scope};
use url::Url;

/// The clear part of a first record: whom a token of `client` at `found` is bound to. Its token facts are
/// filled in from the answer.
#[must_use]
pub fn template(server: &Server, found: &Discovered, client: &Client) -> Clear {
    Clear {
        server: server.name.clone(),
        url: server.url.clone(),
        resource: found.resource.clone(),
        issuer: found.issuer.clone(),
        token_endpoint: found.token_endpoint.clone(),
        revocation_endpoint: found.revocation_endpoint.clone(),
        token_endpoint_auth_method: client.method,
        client_id: client.client_id.clone(),
        grant: server.grant,
        token_type: String::new(),
        scopes: None,
        scopes_requested: found.scope.as_deref().map(split_scope),
        obtained_at: 0,
        expires_at: None,
        refresh_obtained_at: None,
        can_refresh: false,
        generation: String::new(),
        predecessor: NO_PREDECESSOR.to_owned(),
        other: serde_json::Map::new(),
    }
}

/// Refuses a stored token where the configuration now says something else than it was issued for.
///
/// # Errors
/// `url_mismatch` that names the field and both values.
pub fn check(server: &Server, clear: &Clear) -> Outcome<()> {
    let differs = first_difference(server, clear);
    differs.map_or(Ok(()), |(field, stored, configured)| {
        let next = if server.grant.is_unattended() {
            format!("run `mcp-credential erase {}` to begin anew", server.name)
        } else {
            format!("run `mcp-credential login {}` to log in there", server.name)
        };
        let text = format!(
            "the stored login was made for {field} {}, but the configuration says {}; {next}, or put the configuration back",
            one_line(&stored),
            one_line(&configured)
        );
        Err(Failure::new(Code::UrlMismatch, text).of_server(&server.name))
    })
}

fn first_difference(server: &Server, clear: &Clear) -> Option<(&'static str, String, String)> {
    // A server's URL has been judged already: the same text need not be parsed again.
    if server.url != clear.url && !same_server(&server.url, &clear.url) {
        return Some(("url", clear.url.clone(), server.url.clone()));
    }
    if server.grant != clear.grant {
        return Some(("grant", clear.grant.as_str().into(), server.grant.as_str().into()));
    }
    let resource = match &server.resource {
        ResourceParameter::Published => None,
        ResourceParameter::Exactly(value) => Some(Some(value)),
        ResourceParameter::Omitted => Some(None),
    };
    if let Some(configured) = resource.filter(|configured| *configured != clear.resource.as_ref()) {
        let shown = |value: Option<&String>| value.cloned().unwrap_or_else(|| "(none)".into());
        return Some(("resource", shown(clear.resource.as_ref()), shown(configured)));
    }
    let told = |configured: &Option<String>, stored: Option<&String>, field| {
        let configured = configured.as_ref().filter(|configured| Some(*configured) != stored)?;
        Some((field, stored.cloned().unwrap_or_else(|| "(unknown)".into()), configured.clone()))
    };
    // One authorization server with two names.
    let is_trusted = server.trusted_issuer.is_some() && server.trusted_issuer == clear.issuer;
    let issuer = server.issuer.clone().filter(|_| !is_trusted);
    told(&issuer, clear.issuer.as_ref(), "issuer")
        .or_else(|| told(&server.client_id, Some(&clear.client_id), "clientId"))
        .or_else(|| other_token_origin(server, clear))
}

fn other_token_origin(server: &Server, clear: &Clear) -> Option<(&'static str, String, String)> {
    let configured = server.token_url.as_ref()?;
    let (stored, configured) = (origin_of(&clear.token_endpoint), origin_of(configured));
    (stored != configured).then_some(("tokenUrl", stored, configured))
}

/// Refuses to let a configured client, and what it was given, follow its server to another issuer than that of the
/// stored login, unless the configuration names the issuer (MCP authorization: credentials that no longer match are an
/// error).
///
/// # Errors
/// `untrusted_server` with both issuers.
pub fn check_issuer(server: &Server, stored: &Clear, found: &Discovered) -> Outcome<()> {
    let home = Home { issuer: stored.issuer.clone(), token_endpoint: stored.token_endpoint.clone() };
    check_home(server, &stored.client_id, &home, found, "all")
}

/// The same for `client_id` alone, also after its login was erased; an empty one stands for an assertion that speaks
/// for itself.
///
/// # Errors
/// `untrusted_server` with both issuers, and those of the store.
pub fn check_client(server: &Server, slot: &Slot, client_id: &str, found: &Discovered) -> Outcome<()> {
    let known = slot.home_of(client_id, &address(&server.url))?;
    known.map_or(Ok(()), |known| check_home(server, client_id, &known, found, "client"))
}

/// Writes down who granted the token of `clear`, where its client is one of the configuration, or an assertion speaks
/// for itself. A registration says its issuer itself, and a metadata document serves at every one. The record tells it
/// as well while it lasts, and the next grant writes what is lost here.
pub fn keep_home(server: &Server, slot: &Slot, held: &Held, clear: &Clear) {
    let is_configured = match &server.client_id {
        Some(client_id) => *client_id == clear.client_id,
        None => clear.grant.is_unattended(),
    };
    if !is_configured || !same_server(&server.url, &clear.url) {
        return;
    }
    let home = Home { issuer: clear.issuer.clone(), token_endpoint: clear.token_endpoint.clone() };
    if let Err(failure) = slot.bind_client(held, &clear.client_id, &address(&clear.url), home) {
        log::warn!("the issuer of the client could not be written down: {}", failure.message);
    }
}

/// The URL of a server as one text, however it is written.
fn address(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), String::from)
}

/// `scope` is what has to be erased before the client may go elsewhere.
fn check_home(
    server: &Server,
    client_id: &str,
    known: &Home,
    found: &Discovered,
    scope: &str,
) -> Outcome<()> {
    let same = match (&known.issuer, &found.issuer) {
        (Some(one), Some(other)) => one == other || known::same_issuer(known::TABLE, server, one, other),
        (None, None) => origin_of(&known.token_endpoint) == origin_of(&found.token_endpoint),
        // An issuer that nobody named this time: the configured token endpoint says whose it is.
        _ => {
            server.token_url.is_some() && origin_of(&known.token_endpoint) == origin_of(&found.token_endpoint)
        }
    };
    if server.issuer.is_some() || same {
        return Ok(());
    }
    let named = |issuer: &Option<String>, endpoint: &str| one_line(issuer.as_deref().unwrap_or(endpoint));
    let (known, now) =
        (named(&known.issuer, &known.token_endpoint), named(&found.issuer, &found.token_endpoint));
    Err(other_issuer(server, client_id, &known, &now, scope))
}

fn other_issuer(server: &Server, client_id: &str, known: &str, now: &str, scope: &str) -> Failure {
    let client = match client_id {
        "" => "the assertion".to_owned(),
        client_id => format!("client {}", one_line(client_id)),
    };
    let text = format!(
        "the server now names the issuer {now}, but {client} belongs to {known}; if the move is meant, \
         set `issuer` to the new one, or run `mcp-credential erase {} --scope {scope}`; else configure another client",
        server.name
    );
    Failure::new(Code::UntrustedServer, text).of_server(&server.name)
}

/// Refuses a caller that states another URL than the name is bound to.
///
/// # Errors
/// `url_mismatch` with both URLs.
pub fn check_stated(name: &str, bound: &str, stated: &str) -> Outcome<()> {
    if same_server(bound, stated) {
        return Ok(());
    }
    let text = format!(
        "the name is bound to {}, but the caller asks for {}; no token is given out; `mcp-credential list` shows which name \
         stands for which URL",
        one_line(bound),
        one_line(stated)
    );
    Err(Failure::new(Code::UrlMismatch, text).of_server(name))
}

/// Refuses to make headers for a request to another place than the server (RFC 9449, section 4.3: a proof is
/// for one method and one URL).
///
/// # Errors
/// `url_mismatch` with both origins.
pub fn check_target(name: &str, bound: &str, target: &HttpTarget) -> Outcome<()> {
    let (bound, target) = (origin_of(bound), origin_of(&target.url));
    if bound == target {
        return Ok(());
    }
    let text = format!(
        "the name is bound to a server at {}, but the headers are asked for a request to {}; none are given out",
        one_line(&bound),
        one_line(&target)
    );
    Err(Failure::new(Code::UrlMismatch, text).of_server(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Grant;
    use crate::token::samples;

    fn server() -> Server {
        let clear = samples::clear(0, None);
        Server { name: clear.server, url: clear.url, ..Server::default() }
    }

    fn mismatch(server: &Server) -> String {
        let failure = check(server, &samples::clear(0, None)).unwrap_err();
        assert_eq!(failure.code, Code::UrlMismatch);
        failure.message
    }

    #[test]
    fn a_token_is_used_where_it_was_issued_for() {
        assert_eq!(check(&server(), &samples::clear(0, None)), Ok(()));
        let explicit = Server {
            issuer: Some("https://idp.example.com".into()),
            client_id: Some("client".into()),
            token_url: Some("https://idp.example.com/other/path".into()),
            resource: ResourceParameter::Exactly("https://mcp.example.com/mcp".into()),
            ..server()
        };
        assert_eq!(check(&explicit, &samples::clear(0, None)), Ok(()));
    }

    #[test]
    fn each_field_that_moved_is_named_with_both_values() {
        let text = mismatch(&Server { url: "https://evil.example/mcp".into(), ..server() });
        assert!(
            text.contains("url https://mcp.example.com/mcp") && text.contains("https://evil.example/mcp")
        );
        assert!(
            mismatch(&Server { issuer: Some("https://x.example".into()), ..server() }).contains("issuer")
        );
        assert!(mismatch(&Server { client_id: Some("other".into()), ..server() }).contains("clientId"));
        assert!(
            mismatch(&Server { token_url: Some("https://x.example/token".into()), ..server() })
                .contains("tokenUrl")
        );
        assert!(mismatch(&Server { resource: ResourceParameter::Omitted, ..server() }).contains("resource"));
        assert!(mismatch(&Server { grant: Grant::ClientCredentials, ..server() }).contains("grant"));
    }

    #[test]
    fn either_name_of_a_trusted_issuer_is_the_bound_one_and_no_third() {
        let own = samples::clear(0, None).issuer;
        let pair = |issuer: &str, trusted: Option<String>| Server {
            issuer: Some(issuer.to_owned()),
            trusted_issuer: trusted,
            ..server()
        };
        let other = "https://published.example";
        assert_eq!(check(&pair(other, own.clone()), &samples::clear(0, None)), Ok(()));
        assert_eq!(check(&pair(&own.unwrap(), Some(other.into())), &samples::clear(0, None)), Ok(()));
        assert!(mismatch(&pair(other, Some("https://third.example".into()))).contains(other));
        let unnamed = Clear { issuer: None, ..samples::clear(0, None) };
        assert!(check(&pair(other, None), &unnamed).is_err());
    }

    #[test]
    fn an_issuer_of_the_configuration_alone_takes_its_client_to_another_one() {
        let stored = samples::clear(0, None);
        let at = |issuer: Option<&str>, token_endpoint: &str| Discovered {
            issuer: issuer.map(str::to_owned),
            token_endpoint: token_endpoint.to_owned(),
            ..Discovered::default()
        };
        let (known, other) = (stored.token_endpoint.clone(), "https://other.example/token");
        let with_token_url = |url: &str| Server { token_url: Some(url.to_owned()), ..server() };
        let refused = |server: &Server, found: &Discovered| {
            check_issuer(server, &stored, found).is_err_and(|failure| failure.code == Code::UntrustedServer)
        };
        assert!(!refused(&server(), &at(stored.issuer.as_deref(), &known)));
        assert!(refused(&server(), &at(Some("https://other.example"), &known)));
        assert!(refused(&with_token_url(&known), &at(Some("https://other.example"), &known)));
        assert!(!refused(&with_token_url(&known), &at(None, &known)), "nobody named another one");
        assert!(refused(&with_token_url(other), &at(None, other)));
        assert!(refused(&server(), &at(None, &known)));
        let pinned = Server { issuer: Some("https://other.example".into()), ..server() };
        assert!(!refused(&pinned, &at(Some("https://other.example"), other)));
    }

    #[test]
    fn a_stated_url_must_be_the_bound_one() {
        assert!(check_stated("demo", "https://a.example/mcp", "https://A.example:443/mcp").is_ok());
        assert!(check_stated("demo", "https://a.example/mcp", "https://a.example/mcp2").is_err());
    }

    #[test]
    fn headers_are_made_for_requests_to_the_servers_own_origin() {
        let check = |url: &str| {
            let target = HttpTarget { method: "POST".into(), url: url.into(), dpop_nonce: None };
            check_target("demo", "https://a.example/mcp", &target)
        };
        assert!(check("https://A.example:443/mcp/message?session=1").is_ok());
        for other in ["https://a.example:8443/mcp", "https://b.example/mcp", "https://a.example.b.example/"] {
            assert_eq!(check(other).unwrap_err().code, Code::UrlMismatch, "{other}");
        }
    }
}
