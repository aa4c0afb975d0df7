//! The grants that rest on a signed word of somebody else: JWT bearer (RFC 7523, section 2.1) and, on the side of an
//! identity provider, token exchange for an ID-JAG (RFC 8693; MCP enterprise-managed authorization).
//!
//! Strict: signature, issuer, audience and time are checked, and an identifier is good once.

use crate::answer::{Refusal, check_resource, one, required, scope_to_grant};
use crate::client::Client;
use crate::hs256::Jwt;
use crate::request::Pairs;
use crate::settings::{Audience, Provider};
use crate::shared::Shared;
use crate::site::Site;
use crate::state::State;
use crate::tokens::{Issued, Subject};
use serde_json::{Map, Value};

/// `grant_type` of RFC 7523, section 2.1.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `grant_type` of RFC 8693, section 2.1.
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ID_JAG_TYP: &str = "oauth-id-jag+jwt";

/// The lifetime of an ID-JAG, in seconds.
const ID_JAG_TTL: u64 = 300;

/// A token for whom an assertion speaks. A client need not be named, but an ID-JAG is for one.
pub(crate) fn redeem(
    shared: &Shared,
    site: &Site,
    state: &mut State,
    client: Option<&Client>,
    form: &Pairs,
    jkt: Option<String>,
) -> Result<Issued, Refusal> {
    let refused = |why| Refusal::new("invalid_grant", why);
    let assertion = required(form, "assertion")?;
    let token = site
        .settings
        .trusted_issuers
        .iter()
        .find_map(|trusted| {
            let token = Jwt::verified(assertion, &trusted.key)?;
            (token.text("iss") == Some(&trusted.issuer)).then_some(token)
        })
        .ok_or(refused("nobody who is trusted has signed the assertion"))?;
    if !token.is_for(&site.issuer()) {
        return Err(refused("the assertion is for another audience"));
    }
    if token.seconds("exp").is_none_or(|end| end <= shared.clock.utc()) {
        return Err(refused("the assertion has expired"));
    }
    let subject = token.text("sub").ok_or(refused("the assertion speaks for nobody"))?;
    if token.is_typ(ID_JAG_TYP) {
        let client = client.ok_or(Refusal::invalid_client("an ID-JAG needs the client it was issued to"))?;
        if token.text("client_id") != Some(&client.client_id) {
            return Err(refused("the ID-JAG was issued to another client"));
        }
        if token.text("resource") != Some(&site.resource()) {
            return Err(refused("the ID-JAG is for another resource"));
        }
    }
    check_resource(site, form)?;
    let scope = scope_to_grant(site, one(form, "scope")?)?;
    if let Some(id) = token.text("jti")
        && !state.words.insert(id.to_owned())
    {
        return Err(refused("the assertion was used before"));
    }
    let client_id = client.map_or_else(|| subject.to_owned(), |client| client.client_id.clone());
    let scope = site.settings.granted_scope.clone().unwrap_or(scope);
    let subject = Subject { client_id, scope, audience: site.resource(), jkt };
    Ok(state.tokens.grant(&shared.mint(site), &subject))
}

/// The answer to a token exchange: an ID-JAG for an audience that this provider's administrator allows.
pub(crate) fn exchange(
    shared: &Shared,
    site: &Site,
    provider: &Provider,
    client: &Client,
    form: &Pairs,
) -> Result<Map<String, Value>, Refusal> {
    let wanted = [("requested_token_type", ID_JAG), ("subject_token_type", ID_TOKEN)];
    for (name, value) in wanted {
        if required(form, name)? != value {
            return Err(Refusal::new(
                "invalid_request",
                "only an ID token is exchanged, for an ID-JAG alone",
            ));
        }
    }
    let person = person(shared, site, provider, client, required(form, "subject_token")?)?;
    let audience = allowed(provider, required(form, "audience")?, required(form, "resource")?)?;
    let now = shared.clock.utc();
    let mut id_jag = Jwt::new()
        .typ(ID_JAG_TYP)
        .claim("iss", site.issuer())
        .claim("sub", person)
        .claim("aud", audience.issuer.clone())
        .claim("resource", audience.resource.clone())
        .claim("client_id", audience.client_id.clone())
        .claim("jti", shared.random.text("jag_"))
        .claim("iat", now)
        .claim("exp", now + ID_JAG_TTL);
    if let Some(scope) = one(form, "scope")? {
        id_jag = id_jag.claim("scope", scope);
    }
    let member = |name: &str, value: Value| (name.to_owned(), value);
    let mut answer: Map<String, Value> = [
        member("issued_token_type", ID_JAG.into()),
        member("access_token", id_jag.signed(&provider.key).into()),
        member("token_type", "N_A".into()),
        member("expires_in", ID_JAG_TTL.into()),
    ]
    .into_iter()
    .collect();
    site.settings.token_answer.apply(&mut answer);
    Ok(answer)
}

/// Whom the ID token names, if it was issued here, to this client, and lives.
fn person(
    shared: &Shared,
    site: &Site,
    provider: &Provider,
    client: &Client,
    id_token: &str,
) -> Result<String, Refusal> {
    let refused = |why| Refusal::new("invalid_grant", why);
    let token = Jwt::verified(id_token, &provider.key).ok_or(refused("the ID token is not from here"))?;
    if token.text("iss") != Some(&site.issuer()) || !token.is_for(&client.client_id) {
        return Err(refused("the ID token was issued to another client"));
    }
    if token.seconds("exp").is_none_or(|end| end <= shared.clock.utc()) {
        return Err(refused("the ID token has expired"));
    }
    token.text("sub").map(str::to_owned).ok_or(refused("the ID token names nobody"))
}

fn allowed<'a>(provider: &'a Provider, issuer: &str, resource: &str) -> Result<&'a Audience, Refusal> {
    let mut known = provider.audiences.iter().filter(|audience| audience.issuer == issuer);
    let found = known.next().ok_or(Refusal::new("invalid_target", "the audience is not allowed"))?;
    (found.resource == resource)
        .then_some(found)
        .ok_or(Refusal::new("invalid_target", "the resource is not allowed"))
}
