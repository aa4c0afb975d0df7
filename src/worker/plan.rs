//! What exactly is sent: the token request, and whom its token will be bound to.

use super::job::{Job, Task};
use crate::binding;
use crate::client;
use crate::config::{Grant, Network};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::discover;
use crate::oauth::grant::{GrantRequest, Granted, TokenRequest};
use crate::oauth::http::{Http, Limits};
use crate::secret::Secret;
use crate::store::Slot;
use crate::token::{Clear, NO_PREDECESSOR, TokenRecord};
use std::time::{Duration, Instant};

/// How long finding out where to send a first grant may take: the lock is held meanwhile.
const DISCOVERY: Duration = Duration::from_secs(30);

/// A token request and what becomes of its answer.
#[derive(Debug)]
pub struct Plan {
    /// What is sent.
    pub request: TokenRequest,
    base: Base,
}

/// What the answer is put on.
#[derive(Debug)]
enum Base {
    /// A stored record is renewed.
    Stored(Box<TokenRecord>),
    /// A first record is made, bound to this.
    New(Box<Clear>),
}

impl Plan {
    /// The token that the request spends.
    #[must_use]
    pub fn spends(&self) -> Option<&Secret> {
        match &self.request.grant {
            GrantRequest::RefreshToken { token } => Some(token),
            GrantRequest::AuthorizationCode { code, .. } => Some(code),
            GrantRequest::ClientCredentials => None,
        }
    }

    /// The record that the answer makes.
    #[must_use]
    pub fn record(&self, granted: &Granted, generation: String) -> TokenRecord {
        match &self.base {
            Base::Stored(stored) => TokenRecord::renewed(stored, granted, generation),
            Base::New(clear) => TokenRecord::first((**clear).clone(), granted, generation),
        }
    }
}

/// Plans `job` for the record that was read under the lock.
///
/// # Errors
/// What discovery fails with, `interaction_required` when there is nothing to renew with, and
/// `config_invalid` for a missing client secret or key.
pub fn make(job: &Job, slot: &Slot, stored: Option<&TokenRecord>) -> Outcome<Plan> {
    match &job.task {
        Task::Exchange { request, clear } => {
            let predecessor = stored.map_or(NO_PREDECESSOR, |stored| &stored.clear.generation).to_owned();
            let clear = Clear { predecessor, ..(**clear).clone() };
            Ok(Plan { request: (**request).clone(), base: Base::New(Box::new(clear)) })
        }
        Task::Renew { .. } => match stored {
            Some(stored) => renewal(job, slot, stored),
            None => first_grant(job),
        },
    }
}

fn renewal(job: &Job, slot: &Slot, stored: &TokenRecord) -> Outcome<Plan> {
    let server = &job.server;
    binding::check(server, &stored.clear)?;
    let grant = match (&stored.refresh_token, stored.clear.grant) {
        (_, Grant::ClientCredentials) => GrantRequest::ClientCredentials,
        (Some(token), _) => GrantRequest::RefreshToken { token: token.clone() },
        (None, _) => {
            return Err(Failure::new(Code::InteractionRequired, "the stored login has no refresh token"));
        }
    };
    let registered = if server.client_id.is_none() { slot.client()? } else { None };
    let client = client::of_record(&stored.clear, registered, job.credentials.clone())?;
    let mut base = stored.clone();
    base.clear.token_endpoint_auth_method = client.method;
    let requested = stored.clear.scopes_requested.as_ref().map(|scopes| scopes.join(" "));
    let sends_scope = stored.clear.grant.is_unattended() || server.scope_on_refresh;
    let request = TokenRequest {
        server: server.name.clone(),
        token_endpoint: stored.clear.token_endpoint.clone(),
        client,
        grant,
        scope: requested.filter(|_| sends_scope),
        resource: stored.clear.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
    };
    Ok(Plan { request, base: Base::Stored(Box::new(base)) })
}

/// A grant without a person, the first time: where to send it is found out now.
fn first_grant(job: &Job) -> Outcome<Plan> {
    let server = &job.server;
    let Some(client_id) = server.client_id.as_ref().filter(|_| server.grant.is_unattended()) else {
        return Err(Failure::new(Code::InteractionRequired, "nobody is logged in to this server"));
    };
    let found = discover(&http(&job.network)?, server, None)?;
    let client = client::configured(server, client_id, job.credentials.clone(), &found)?;
    let request = TokenRequest {
        server: server.name.clone(),
        token_endpoint: found.token_endpoint.clone(),
        client: client.clone(),
        grant: GrantRequest::ClientCredentials,
        scope: found.scope.clone(),
        resource: found.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
    };
    let clear = binding::template(server, &found, &client);
    Ok(Plan { request, base: Base::New(Box::new(clear)) })
}

fn http(network: &Network) -> Outcome<Http> {
    Http::new(network, Limits::PLAIN).map(|http| http.until(Instant::now() + DISCOVERY))
}
