//! Token revocation (RFC 7009).

use crate::answer::{Answer, Refusal, required};
use crate::client_auth::authenticate;
use crate::request::Request;
use crate::response::Response;
use crate::shared::Shared;
use crate::site::Site;

/// Answers the revocation endpoint: 200 for what is gone now, and for what never was.
pub(crate) fn revoke(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    match revoked(shared, site, request) {
        Ok(true) => Answer::committed(Response::empty(200)),
        Ok(false) => Response::empty(200).into(),
        Err(refusal) => refusal.into(),
    }
}

fn revoked(shared: &Shared, site: &Site, request: &Request) -> Result<bool, Refusal> {
    if !request.is("application/x-www-form-urlencoded") {
        return Err(Refusal::new("invalid_request", "the body must be form-encoded"));
    }
    let form = request.form();
    let mut state = shared.state();
    let client = authenticate(shared, site, &mut state, request, &form)?;
    let token = required(&form, "token")?;
    let tokens = &mut state.tokens;
    let owner = tokens.owner(token).or_else(|| tokens.access_owner(token));
    match owner.map(|owner| owner.client_id == client.client_id) {
        None => Ok(false),
        Some(false) => Err(Refusal::new("invalid_grant", "the token is another client's")),
        Some(true) => Ok(tokens.revoke(token)),
    }
}
