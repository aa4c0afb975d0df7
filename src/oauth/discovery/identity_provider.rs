//! The token endpoint of a company's identity provider, and what it takes there, out of its own metadata (`OpenID` Connect Discovery,
//! section 4; RFC 8414, section 3).
//!
//! The configuration names the provider, so nothing that an MCP server says decides where the ID token goes.

use super::fetch::{AfterFault, Document, Verdict, first};
use super::issuer::places;
use super::resource::texts;
use super::{Story, Web};
use crate::config::Server;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::reach::may_name;
use crate::oauth::url::endpoint;
use crate::text::one_line;
use serde_json::Value;
use url::Url;

/// What an identity provider says of its token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Where it exchanges tokens.
    pub token_endpoint: String,
    /// `token_endpoint_auth_methods_supported`.
    pub auth_methods: Option<Vec<String>>,
}

/// Where `issuer`, the identity provider of `server`, exchanges tokens.
///
/// # Errors
/// `config_invalid` for an issuer that is no URL, `untrusted_server` for metadata that must not be used,
/// `unavailable` where none could be had.
pub fn exchange(web: &dyn Web, server: &Server, issuer: &str) -> Outcome<Exchange> {
    let url = endpoint(issuer).map_err(|why| {
        let text = format!("`idpIssuer` of {} cannot be used: {why}; correct it", server.name);
        Failure::new(Code::ConfigInvalid, text)
    })?;
    let told = |failure: Failure| {
        let message = format!("the identity provider {}: {}", one_line(issuer), failure.message);
        Failure { message, ..failure }.of_server(&server.name)
    };
    let story = Story::new(web, server, &[])?;
    let judge = |document| judge(server, &url, issuer, &document);
    let found = first(&story, &places(&url), AfterFault::GoOn, judge);
    match found.map_err(told)? {
        Ok(exchange) => Ok(exchange),
        Err(nothing) => {
            let notes = nothing.notes.join(", ");
            Err(told(nothing.reason().unwrap_or_else(|| {
                let text =
                    format!("no metadata was found ({notes}); set `idpTokenUrl`, or correct `idpIssuer`");
                Failure::new(Code::Unavailable, text)
            })))
        }
    }
}

fn judge(server: &Server, url: &Url, issuer: &str, document: &Document) -> Verdict<Exchange> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let refuse = |text: String| Failure::new(Code::UntrustedServer, text);
    if text("issuer") != issuer {
        let named = one_line(text("issuer"));
        return Verdict::Suspect(refuse(format!(
            "its metadata names another issuer, \"{named}\"; set `idpIssuer` to exactly what it is, or set `idpTokenUrl`"
        )));
    }
    let named = text("token_endpoint");
    if named.is_empty() {
        return Verdict::Pass("it names no token endpoint");
    }
    let problem = match endpoint(named) {
        Err(why) => why,
        Ok(named) if named.fragment().is_some() => "it has a fragment".to_owned(),
        Ok(named) => match may_name(url, &named, &server.allow_private_hosts) {
            Ok(()) => {
                return Verdict::Use(Exchange {
                    token_endpoint: text("token_endpoint").to_owned(),
                    auth_methods: texts(document, "token_endpoint_auth_methods_supported"),
                });
            }
            Err(kind) => format!("{kind}, which a server on another host must not name"),
        },
    };
    Verdict::Refuse(refuse(format!(
        "its token endpoint is {}: {problem}; ask whoever runs it, or set `idpTokenUrl`",
        one_line(named)
    )))
}
