//! What exactly is sent: the token request, and whom its token will be bound to.

use super::demand;
use super::job::{Job, Task};
use super::present::{self, Aim};
use super::seed::{self, Seed, Spending};
use crate::binding;
use crate::broker::Source;
use crate::client;
use crate::config::Server;
use crate::dpop;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::discovery::discover;
use crate::oauth::grant::{GrantRequest, Granted, TokenRequest};
use crate::oauth::http::{Http, Limits};
use crate::secret::Secret;
use crate::store::Slot;
use crate::token::{Clear, NO_PREDECESSOR, TokenRecord, split_scope};
use std::time::Duration;

/// How long finding out all that has to be known before a token request may take: the lock is held meanwhile.
pub(super) const DISCOVERY: Duration = Duration::from_secs(30);

/// A token request and what becomes of its answer.
#[derive(Debug)]
pub struct Plan {
    /// What is sent.
    pub request: TokenRequest,
    /// The seed that it spends, where it does.
    pub seed: Option<Spending>,
    /// Where its token comes from.
    pub source: Source,
    base: Base,
}

/// What the answer is put on.
#[derive(Debug)]
enum Base {
    /// A stored record is renewed.
    Stored(Box<TokenRecord>),
    /// A first record is made, bound to this. The second value is the refresh token that stays where the answer
    /// brings no new one.
    New(Box<Clear>, Option<Secret>),
}

impl Plan {
    /// The token that the request spends.
    #[must_use]
    pub fn spends(&self) -> Option<&Secret> {
        match &self.request.grant {
            GrantRequest::RefreshToken { token } => Some(token),
            GrantRequest::AuthorizationCode { code, .. } => Some(code),
            GrantRequest::DeviceCode { device_code } => Some(device_code),
            GrantRequest::ClientCredentials
            | GrantRequest::DeviceAuthorization
            | GrantRequest::JwtBearer { .. }
            | GrantRequest::TokenExchange { .. } => None,
        }
    }

    /// What is known of the record that the answer makes.
    #[must_use]
    pub fn clear(&self) -> &Clear {
        match &self.base {
            Base::Stored(stored) => &stored.clear,
            Base::New(clear, _) => clear,
        }
    }

    /// The record that the answer makes.
    #[must_use]
    pub fn record(&self, granted: &Granted, generation: String) -> TokenRecord {
        match &self.base {
            Base::Stored(stored) => TokenRecord::renewed(stored, granted, generation),
            Base::New(clear, kept) => {
                let refresh_token = granted.refresh_token.clone().or_else(|| kept.clone());
                let granted = Granted { refresh_token, ..granted.clone() };
                TokenRecord::first((**clear).clone(), &granted, generation)
            }
        }
        .bound_to(self.request.dpop.as_ref().map(|dpop| &dpop.key))
    }
}

/// Plans `job` for the record that was read under the lock.
///
/// # Errors
/// What discovery fails with, `interaction_required` when there is nothing to renew with, and
/// `config_invalid` for a missing client secret or key. For `enterprise_managed` also what the identity provider
/// says.
pub fn make(job: &Job, slot: &Slot, stored: Option<&TokenRecord>) -> Outcome<Plan> {
    match &job.task {
        Task::Exchange { request, clear } => {
            let predecessor = stored.map_or(NO_PREDECESSOR, |stored| &stored.clear.generation).to_owned();
            let clear = Clear { predecessor, ..(**clear).clone() };
            let base = Base::New(Box::new(clear), None);
            Ok(Plan { request: (**request).clone(), seed: None, source: Source::Login, base })
        }
        Task::Renew { challenge, .. } => match stored {
            Some(stored) if stored.refresh_token.is_some() || stored.clear.grant.is_unattended() => {
                renewal(job, slot, stored, challenge.as_deref())
            }
            stored => first_grant(job, slot, stored, challenge.as_deref()),
        },
    }
}

fn renewal(job: &Job, slot: &Slot, stored: &TokenRecord, challenge: Option<&Challenge>) -> Outcome<Plan> {
    let server = &job.server;
    binding::check(server, &stored.clear)?;
    demand::refuse_moved(job, Some(&stored.clear), challenge)?;
    let demands_key = demand::demands_key(job, stored, challenge)?;
    let stored = &demand::widened(server, stored, challenge);
    let requested = stored.clear.scopes_requested.as_ref().map(|scopes| scopes.join(" "));
    let (grant, source) = match &stored.refresh_token {
        _ if stored.clear.grant.is_unattended() => {
            let aim = Aim {
                issuer: stored.clear.issuer.as_deref(),
                resource: stored.clear.resource.as_deref(),
                scope: requested.as_deref(),
            };
            (present::grant(job, &aim)?, Source::Granted)
        }
        Some(token) => (GrantRequest::RefreshToken { token: token.clone() }, Source::Refreshed),
        None => {
            return Err(Failure::new(Code::InteractionRequired, "the stored login has no refresh token"));
        }
    };
    let registered = if server.client_id.is_none() { slot.client()? } else { None };
    let client = client::of_record(&stored.clear, registered, job.secrets.client.clone())?;
    let mut base = stored.clone();
    base.clear.token_endpoint_auth_method = client.method;
    let scope = match &grant {
        GrantRequest::RefreshToken { .. } => granted_scope(&stored.clear).filter(|_| server.scope_on_refresh),
        _ => requested,
    };
    let request = TokenRequest {
        server: server.name.clone(),
        token_endpoint: stored.clear.token_endpoint.clone(),
        client,
        grant,
        scope,
        resource: stored.clear.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
        dpop: dpop::for_renewal(server, stored, demands_key)?,
    };
    Ok(Plan { request, seed: None, source, base: Base::Stored(Box::new(base)) })
}

/// `scope` of a refresh, which must name nothing that was not granted (RFC 6749, section 6): what was, where that is
/// known, else what was asked for.
fn granted_scope(clear: &Clear) -> Option<String> {
    let known = clear.scopes.as_ref().filter(|granted| !granted.is_empty());
    known.or(clear.scopes_requested.as_ref()).map(|scopes| scopes.join(" "))
}

/// A grant without a person, the first time, or a login that began elsewhere: where to send it is found out now.
/// `stored` is a login that has ended.
fn first_grant(
    job: &Job,
    slot: &Slot,
    stored: Option<&TokenRecord>,
    challenge: Option<&Challenge>,
) -> Outcome<Plan> {
    let server = &job.server;
    stored.map_or(Ok(()), |stored| binding::check(server, &stored.clear))?;
    let alone = server.grant.is_unattended();
    let seed = if alone { None } else { seed::next(server, slot)? };
    let begun = seed.as_ref().map(|seed| seed.request(server)).transpose()?;
    if !alone && (begun.is_none() || server.client_id.is_none()) {
        let text =
            stored.map_or("nobody is logged in to this server", |_| "the stored login has no refresh token");
        return Err(Failure::new(Code::InteractionRequired, text));
    }
    demand::refuse_moved(job, stored.map(|stored| &stored.clear), challenge)?;
    let found = demand::widened_scope(server, discover(&http(job)?, server, challenge)?, challenge);
    stored.map_or(Ok(()), |stored| binding::check_issuer(server, &stored.clear, &found))?;
    // Without a client it is the assertion alone that says who asks.
    let client_id = server.client_id.as_deref().unwrap_or_default();
    binding::check_client(server, slot, client_id, &found)?;
    let client = client::configured(server, client_id, job.secrets.client.clone(), &found)?;
    let aim = Aim {
        issuer: found.issuer.as_deref(),
        resource: found.resource.as_deref(),
        scope: found.scope.as_deref(),
    };
    let grant = match begun {
        Some(grant) => grant,
        None => present::grant(job, &aim)?,
    };
    let request = TokenRequest {
        server: server.name.clone(),
        token_endpoint: found.token_endpoint.clone(),
        client: client.clone(),
        scope: scope(server, &grant, found.scope.clone()),
        grant,
        resource: found.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
        dpop: dpop::for_login(server, &found)?,
    };
    let mut clear = binding::template(server, &found, &client);
    stored.map_or(NO_PREDECESSOR, |stored| &stored.clear.generation).clone_into(&mut clear.predecessor);
    if seed.is_some() {
        // Its scopes were asked for elsewhere; only the configuration can tell which.
        clear.scopes_requested = server.scope.as_deref().map(split_scope);
    }
    let kept = seed.as_ref().and_then(Seed::kept).cloned();
    let base = Base::New(Box::new(clear), kept);
    Ok(Plan { request, seed: seed.as_ref().map(Spending::of), source: Source::Granted, base })
}

/// `scope` of a first request. A refresh token and a code have theirs already (RFC 6749, sections 4.1.3 and 6).
fn scope(server: &Server, grant: &GrantRequest, found: Option<String>) -> Option<String> {
    match grant {
        GrantRequest::ClientCredentials
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => found,
        GrantRequest::RefreshToken { .. } => server.scope.clone().filter(|_| server.scope_on_refresh),
        GrantRequest::AuthorizationCode { .. }
        | GrantRequest::DeviceCode { .. }
        | GrantRequest::DeviceAuthorization => None,
    }
}

/// HTTP for what is found out while the lock is held.
pub(super) fn http(job: &Job) -> Outcome<Http> {
    Http::new(&job.network, Limits::PLAIN).map(|http| http.until(job.begun + DISCOVERY))
}
