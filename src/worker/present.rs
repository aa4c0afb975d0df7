//! What a grant without a person presents: nothing, the workload's assertion, or an ID-JAG that the identity
//! provider gives for the person's ID token (MCP enterprise-managed authorization, section 4).
//!
//! An ID-JAG lives in this process for one request. It is neither stored nor logged, and what it is exchanged
//! for is the next request's business.

use super::job::Job;
use super::plan::http;
use super::{redeem, request};
use crate::config::{Grant, IdentityProvider};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::client_auth;
use crate::oauth::discovery::{IdpExchange, idp_exchange};
use crate::oauth::grant::{Answer, Client, GrantRequest, TokenRequest, Voucher};
use crate::secret::{Pairs, Secret};
use crate::store::Slot;

/// What the token is asked for, as far as an identity provider must know it.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    /// The issuer of the authorization server.
    pub issuer: Option<&'a str>,
    /// `resource` as it is sent.
    pub resource: Option<&'a str>,
    /// The scope, space-separated.
    pub scope: Option<&'a str>,
}

/// The grant of the job's server, with what it presents.
///
/// # Errors
/// `config_invalid` for something that is not configured, and whatever the identity provider says.
pub fn grant(job: &Job, aim: &Aim) -> Outcome<GrantRequest> {
    match job.server.grant {
        Grant::JwtBearer => Ok(GrantRequest::JwtBearer { assertion: assertion(job)?, of: Voucher::Workload }),
        Grant::EnterpriseManaged => {
            // What the identity provider says is for all callers, whatever one of them has handed over.
            let store = job.store();
            let assertion = id_jag(job, aim).inspect_err(|failure| {
                redeem::share(job, &Slot::new(&store, &job.server.name), None, failure);
            })?;
            Ok(GrantRequest::JwtBearer { assertion, of: Voucher::IdentityProvider })
        }
        Grant::ClientCredentials | Grant::AuthorizationCode | Grant::DeviceCode => {
            Ok(GrantRequest::ClientCredentials)
        }
    }
}

fn assertion(job: &Job) -> Outcome<Secret> {
    job.secrets.assertion.clone().ok_or_else(|| {
        let grant = job.server.grant.as_str();
        unconfigured(job, &format!("the grant {grant} presents a JWT, but the configuration names none"))
    })
}

/// One token exchange at the identity provider.
fn id_jag(job: &Job, aim: &Aim) -> Outcome<Secret> {
    let server = &job.server;
    let idp = server.identity_provider.as_ref().ok_or_else(|| {
        unconfigured(
            job,
            "the grant enterprise_managed needs an identity provider, but the configuration names none",
        )
    })?;
    let issuer = aim.issuer.ok_or_else(|| {
        unconfigured(job, "the issuer of the authorization server is not known; set `issuer` to it")
    })?;
    let found = exchange_endpoint(job, idp)?;
    let exchange = TokenRequest {
        server: server.name.clone(),
        client: idp_client(idp, &found, job.secrets.idp_client_secret.clone()),
        token_endpoint: found.token_endpoint,
        grant: GrantRequest::TokenExchange { id_token: assertion(job)? },
        scope: aim.scope.map(str::to_owned),
        // The provider always wants to know it, also where the authorization server does not.
        resource: Some(aim.resource.unwrap_or(&server.url).to_owned()),
        audience: Some(issuer.to_owned()),
        extra_params: Pairs::default(),
        dpop: None,
    };
    log::info!("asking the identity provider for an ID-JAG");
    match request::send(&job.network, &exchange, &job.task, None).answer {
        Answer::Pending { .. } => Err(unconfigured(job, "the identity provider cannot answer this exchange")),
        Answer::Granted(granted) => Ok(granted.access_token),
        Answer::Dead(failure)
        | Answer::Transient(failure)
        | Answer::Unexplained(failure)
        | Answer::Unclear(failure)
        | Answer::Ambiguous(failure)
        | Answer::Unreadable(failure)
        | Answer::Refused(failure) => Err(failure),
    }
}

fn exchange_endpoint(job: &Job, idp: &IdentityProvider) -> Outcome<IdpExchange> {
    match (&idp.token_url, &idp.issuer) {
        (Some(url), _) => Ok(IdpExchange { token_endpoint: url.clone(), auth_methods: None }),
        (None, Some(issuer)) => idp_exchange(&http(job)?, &job.server, issuer),
        (None, None) => Err(unconfigured(job, "set `idpIssuer` or `idpTokenUrl`")),
    }
}

fn idp_client(idp: &IdentityProvider, found: &IdpExchange, client_secret: Option<Secret>) -> Client {
    let method = client_auth::choose(idp.auth_method, found.auth_methods.as_deref(), client_secret.is_some());
    Client { client_id: idp.client_id.clone(), client_secret, key: None, method, dynamic: false }
}

fn unconfigured(job: &Job, text: &str) -> Failure {
    Failure::new(Code::ConfigInvalid, text).of_server(&job.server.name)
}
