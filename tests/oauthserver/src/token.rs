//! The token endpoint: authorization code, refresh token, client credentials; the other grants have files of
//! their own.
//!
//! Owns these grants' rules and the shape of the answer. Everything is checked before anything is spent, and all
//! of it happens under the state's lock, so of two equal requests one comes second.

use crate::answer::{Answer, Refusal, challenged, check_resource, one, required, scope_to_grant};
use crate::client::{AuthMethod, Client};
use crate::client_auth::{authenticate, is_nobody};
use crate::device::{DEVICE_CODE, poll};
use crate::dpop::{self, Demand};
use crate::request::{Pairs, Request};
use crate::response::Response;
use crate::settings::{ExpiresIn, RefreshTokens, TokenFormat};
use crate::shared::Shared;
use crate::site::Site;
use crate::state::{Asked, State};
use crate::tokens::{Issued, Subject};
use crate::vouched::{JWT_BEARER, TOKEN_EXCHANGE, exchange, redeem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

/// Answers the token endpoint.
pub(crate) fn token(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    let mut state = shared.state();
    let nonce = site.settings.dpop.token_nonce.then(|| state.nonce("token"));
    let mut answer = match issue(shared, site, &mut state, request) {
        Ok(Given::Token(issued)) => Answer::committed(success(site, &issued)),
        Ok(Given::Other(answer)) => Answer::committed(encoded(site, 200, answer)),
        Err(refusal) => failure(site, &refusal),
    };
    if let Some(nonce) = nonce {
        answer.response = answer.response.header("DPoP-Nonce", nonce);
    }
    answer
}

/// What a grant gives.
enum Given {
    Token(Issued),
    /// An answer of another shape.
    Other(Map<String, Value>),
}

fn issue(shared: &Shared, site: &Site, state: &mut State, request: &Request) -> Result<Given, Refusal> {
    if !request.is("application/x-www-form-urlencoded") {
        return Err(Refusal::new("invalid_request", "the body must be form-encoded"));
    }
    let form = request.form();
    let grant = required(&form, "grant_type")?;
    if grant == JWT_BEARER && is_nobody(request, &form) && site.grants().contains(&grant) {
        let jkt = proved(shared, site, state, request)?;
        return redeem(shared, site, state, None, &form, jkt).map(Given::Token);
    }
    let client = authenticate(shared, site, state, request, &form)?;
    if !site.grants().contains(&grant) {
        return Err(Refusal::new("unsupported_grant_type", "the grant is unknown"));
    }
    if !client.may(grant) {
        return Err(Refusal::new("unauthorized_client", "this grant was not registered"));
    }
    let jkt = proved(shared, site, state, request)?;
    let work = Work { shared, site, client: &client, form: &form, jkt };
    let issued = match (grant, &site.settings.identity_provider) {
        ("authorization_code", _) => work.code(state),
        ("refresh_token", _) => work.refresh(state),
        (DEVICE_CODE, _) => work.device(state),
        (JWT_BEARER, _) => redeem(shared, site, state, Some(&client), &form, work.jkt),
        (TOKEN_EXCHANGE, Some(provider)) => {
            return exchange(shared, site, provider, &client, &form).map(Given::Other);
        }
        _ => work.client_credentials(state),
    };
    issued.map(Given::Token)
}

/// The thumbprint of the key that the request proves, where that matters.
fn proved(
    shared: &Shared,
    site: &Site,
    state: &mut State,
    request: &Request,
) -> Result<Option<String>, Refusal> {
    let dpop = site.settings.dpop;
    if !dpop.offered && !dpop.required {
        return Ok(None);
    }
    let nonce = dpop.token_nonce.then(|| state.nonce("token"));
    let url = site.endpoint("token");
    let demand = Demand { url: &url, nonce: nonce.as_deref(), token: None, now: shared.clock.utc() };
    let jkt = dpop::proved(request, &demand, &mut state.proofs)?;
    match jkt {
        None if dpop.required => Err(Refusal::new("invalid_dpop_proof", "a proof is required")),
        _ if dpop.ignored => Ok(None),
        jkt => Ok(jkt),
    }
}

/// One authenticated token request.
struct Work<'a> {
    shared: &'a Shared,
    site: &'a Site,
    client: &'a Client,
    form: &'a Pairs,
    /// The key that the request proves to hold.
    jkt: Option<String>,
}

impl Work<'_> {
    fn code(&self, state: &mut State) -> Result<Issued, Refusal> {
        let code = required(self.form, "code")?;
        let asked = self.redeemable(state, code)?;
        if required(self.form, "redirect_uri")? != asked.redirect_uri {
            return Err(Refusal::new("invalid_grant", "the redirect_uri is another"));
        }
        let verifier = required(self.form, "code_verifier")?;
        if !is_verifier(verifier) || s256(verifier) != asked.challenge {
            return Err(Refusal::new("invalid_grant", "the code_verifier is wrong"));
        }
        check_resource(self.site, self.form)?;
        if !self.site.settings.dpop.ignored && asked.dpop_jkt.is_some() && asked.dpop_jkt != self.jkt {
            return Err(Refusal::new("invalid_dpop_proof", "the code is bound to another key"));
        }
        let issued = self.first_tokens(state, &asked);
        if let Some(code) = state.codes.get_mut(code) {
            code.used = true;
            code.family = issued.family;
            code.access = Some(issued.access.clone());
        }
        Ok(issued)
    }

    fn device(&self, state: &mut State) -> Result<Issued, Refusal> {
        let asked = poll(self.shared, self.site, state, self.client, self.form)?;
        Ok(self.first_tokens(state, &asked))
    }

    /// What the code stands for, if it is this client's and unused. A second use revokes what the first gave.
    fn redeemable(&self, state: &mut State, code: &str) -> Result<Asked, Refusal> {
        let refused = || Refusal::new("invalid_grant", "the code is unknown, used or expired");
        let own = |asked: &Asked| asked.client_id == self.client.client_id;
        let entry = state.codes.get(code).filter(|code| own(&code.asked)).ok_or_else(refused)?;
        if entry.used {
            let (family, access) = (entry.family, entry.access.clone());
            family.map(|family| state.tokens.revoke_family(family));
            access.map(|access| state.tokens.revoke(&access));
            return Err(refused());
        }
        let fresh = self.shared.clock.now() < entry.expires;
        fresh.then(|| entry.asked.clone()).ok_or_else(refused)
    }

    fn first_tokens(&self, state: &mut State, asked: &Asked) -> Issued {
        let subject = self.subject(&asked.scope);
        let mint = self.shared.mint(self.site);
        let offline = asked.scope.split(' ').any(|word| word == "offline_access");
        let refresh = match self.site.settings.refresh_tokens {
            RefreshTokens::ByGrantType => true,
            RefreshTokens::NeedOfflineAccess => offline,
            RefreshTokens::Never => false,
        };
        if refresh && self.client.may("refresh_token") {
            state.tokens.found(&mint, &subject)
        } else {
            state.tokens.grant(&mint, &subject)
        }
    }

    fn refresh(&self, state: &mut State) -> Result<Issued, Refusal> {
        let refused =
            || Refusal::new("invalid_grant", "the refresh token is unknown, spent, expired or revoked");
        let token = required(self.form, "refresh_token")?;
        let owner = state.tokens.owner(token).ok_or_else(refused)?;
        if owner.client_id != self.client.client_id {
            return Err(refused());
        }
        check_resource(self.site, self.form)?;
        // RFC 9449, section 5: the refresh token of a public client is bound to its key.
        if self.client.auth_methods == [AuthMethod::None] && owner.jkt.is_some() && owner.jkt != self.jkt {
            return Err(Refusal::new("invalid_grant", "the refresh token is bound to another key"));
        }
        let scope = one(self.form, "scope")?;
        let held: Vec<&str> = owner.scope.split(' ').collect();
        if scope.is_some_and(|scope| scope.split(' ').any(|word| !held.contains(&word))) {
            return Err(Refusal::new("invalid_scope", "the scope is wider than what was granted"));
        }
        let mint = self.shared.mint(self.site);
        state.tokens.redeem(&mint, token, scope, self.jkt.as_deref()).ok_or_else(refused)
    }

    fn client_credentials(&self, state: &mut State) -> Result<Issued, Refusal> {
        if self.client.auth_methods == [AuthMethod::None] {
            return Err(Refusal::new("unauthorized_client", "a public client cannot use this grant"));
        }
        let audience = one(self.form, "audience")?;
        if self.site.settings.audience.is_some() && self.site.settings.audience.as_deref() != audience {
            return Err(Refusal::new("invalid_target", "the audience is missing or unknown"));
        }
        check_resource(self.site, self.form)?;
        let scope = scope_to_grant(self.site, one(self.form, "scope")?)?;
        let mint = self.shared.mint(self.site);
        Ok(state.tokens.grant(&mint, &self.subject(&scope)))
    }

    fn subject(&self, scope: &str) -> Subject {
        let granted = self.site.settings.granted_scope.as_deref();
        Subject {
            client_id: self.client.client_id.clone(),
            scope: granted.unwrap_or(scope).to_owned(),
            audience: self.site.resource(),
            jkt: self.jkt.clone(),
        }
    }
}

fn success(site: &Site, issued: &Issued) -> Response {
    let settings = &site.settings;
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
    put("access_token", issued.access.clone().into());
    let bound = issued.jkt.is_some();
    put("token_type", if bound { "DPoP".into() } else { settings.token_type.clone().into() });
    match &settings.expires_in {
        ExpiresIn::Lifetime => put("expires_in", settings.access_token_ttl.as_secs().into()),
        ExpiresIn::Raw(value) => put("expires_in", value.clone()),
        ExpiresIn::Omit => {}
    }
    if let Some(refresh) = &issued.refresh {
        put("refresh_token", refresh.clone().into());
    }
    if !issued.scope.is_empty() {
        put("scope", issued.scope.clone().into());
    }
    settings.token_answer.apply(&mut answer);
    encoded(site, 200, answer)
}

fn failure(site: &Site, refusal: &Refusal) -> Answer {
    let status = site.settings.token_error_status.unwrap_or(refusal.status);
    let response = encoded(site, status, refusal.body());
    Answer::refused(challenged(response), refusal.error)
}

fn encoded(site: &Site, status: u16, answer: Map<String, Value>) -> Response {
    match site.settings.token_format {
        TokenFormat::Json => Response::json(status, &Value::Object(answer)),
        TokenFormat::Form => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &answer {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                form.append_pair(name, &text);
            }
            Response::text(status, "application/x-www-form-urlencoded", form.finish())
        }
    }
    .header("Pragma", "no-cache")
}

/// The S256 challenge of a verifier (RFC 7636, section 4.2).
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}
