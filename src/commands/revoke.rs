//! Giving an erased login back to its authorization server. It is gone here already: a server that cannot be
//! asked changes nothing, and the person is told.

use crate::binding;
use crate::client;
use crate::config::{Environment, Loaded};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::admits;
use crate::oauth::http::{Http, Limits};
use crate::oauth::revocation::{self, Hint};
use crate::store::client::ClientRecord;
use crate::text::one_line;
use crate::token::TokenRecord;

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The server has revoked what it was shown.
    Done,
    /// It names no endpoint for that (RFC 8414, `revocation_endpoint`).
    NotOffered,
    /// It could not be asked, or refused.
    Failed(Failure),
    /// The refresh token is revoked; the access token is not (RFC 7009, section 2.2.1,
    /// `unsupported_token_type`, or a fault in between).
    RefreshTokenOnly(Failure),
}

impl Revocation {
    /// Why not everything is revoked.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Done => None,
            Self::NotOffered => Some("the authorization server named no revocation endpoint".to_owned()),
            Self::Failed(failure) => Some(failure.message.clone()),
            Self::RefreshTokenOnly(failure) => {
                Some(format!("the refresh token is, the access token is not: {}", failure.message))
            }
        }
    }
}

/// Revokes the tokens of `record` (RFC 7009), the refresh token first.
#[must_use]
pub fn revoke(
    loaded: &Loaded,
    environment: &Environment,
    record: &TokenRecord,
    registered: Option<ClientRecord>,
) -> Revocation {
    let Some(endpoint) = record.clear.revocation_endpoint.as_deref() else { return Revocation::NotOffered };
    if loaded.server.as_ref().is_some_and(|server| !admits(server, endpoint)) {
        let text = format!(
            "the stored revocation endpoint {} is not of the origin of the configured endpoints; nothing was sent there",
            one_line(endpoint)
        );
        return Revocation::Failed(Failure::new(Code::UrlMismatch, text));
    }
    let tools = client_of(loaded, environment, record, registered)
        .and_then(|client| Ok((client, Http::new(&loaded.machine.network, Limits::PLAIN)?)));
    let (client, http) = match tools {
        Ok(tools) => tools,
        Err(failure) => return Revocation::Failed(failure),
    };
    if let Some(token) = &record.refresh_token
        && let Err(failure) = revocation::revoke(&http, endpoint, &client, token, Hint::RefreshToken)
    {
        return Revocation::Failed(failure);
    }
    match revocation::revoke(&http, endpoint, &client, &record.access_token, Hint::AccessToken) {
        Ok(()) => Revocation::Done,
        Err(failure) if record.refresh_token.is_some() => Revocation::RefreshTokenOnly(failure),
        Err(failure) => Revocation::Failed(failure),
    }
}

fn client_of(
    loaded: &Loaded,
    environment: &Environment,
    record: &TokenRecord,
    registered: Option<ClientRecord>,
) -> Outcome<crate::oauth::grant::Client> {
    // A secret that is configured for another client or issuer by now must not go to this one.
    let configured = loaded.server.as_ref().filter(|server| {
        let by_document = server.client_metadata_url.as_ref() == Some(&record.clear.client_id);
        (server.client_id.is_some() || by_document) && binding::check(server, &record.clear).is_ok()
    });
    let credentials = configured.map(|server| server.credentials(environment, None)).transpose()?;
    client::of_record(&record.clear, registered, credentials.unwrap_or_default())
}
