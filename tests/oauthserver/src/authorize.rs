//! The authorization endpoint (OAuth 2.1, section 4.1) and its consent form.
//!
//! Owns the validation of the request, the consent and the redirect. Errors before the redirect URI is proved
//! end on a page of this server, later ones go to the client.

use crate::answer::{Answer, Refusal, check_resource, one, required, scope_to_grant};
use crate::request::{Pairs, Request};
use crate::response::Response;
use crate::settings::Consent;
use crate::shared::Shared;
use crate::site::Site;
use crate::state::{Asked, Code, State};
use url::Url;

/// Answers the authorization endpoint.
pub(crate) fn authorize(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if request.method != "GET" {
        return Response::empty(405).header("Allow", "GET").into();
    }
    let mut state = shared.state();
    let redirect_uri = match proved_redirect(&state, site, &request.query) {
        Ok(uri) => uri,
        Err(refusal) => return page(&refusal),
    };
    match asked(&state, site, &request.query, redirect_uri.clone()) {
        Ok(asked) => decide(shared, site, &mut state, asked),
        Err(refusal) => {
            let back = state_of(&request.query);
            refuse(site, &redirect_uri, back, refusal.error)
        }
    }
}

/// Answers the form of the consent page.
pub(crate) fn consent(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    let form = request.form();
    let ticket = required(&form, "ticket").unwrap_or_default();
    let mut state = shared.state();
    let Some(asked) = state.tickets.remove(ticket) else {
        return page(&Refusal::new("invalid_request", "this form is unknown or was sent before"));
    };
    match one(&form, "decision") {
        Ok(Some("approve")) => grant(shared, site, &mut state, asked),
        _ => deny(site, &asked),
    }
}

/// The redirect URI of the request, if the client is known and the URI is one of its own.
fn proved_redirect(state: &State, site: &Site, query: &Pairs) -> Result<String, Refusal> {
    let id = required(query, "client_id")?;
    let unknown = || Refusal::new("invalid_client", "the client is unknown");
    let client = state.client(&site.settings, id).ok_or_else(unknown)?;
    let uri = required(query, "redirect_uri")?;
    if !client.accepts_redirect(uri) || Url::parse(uri).is_err() {
        return Err(Refusal::new("invalid_request", "the redirect_uri is not registered"));
    }
    Ok(uri.to_owned())
}

/// The rest of the request's validation.
fn asked(state: &State, site: &Site, query: &Pairs, redirect_uri: String) -> Result<Asked, Refusal> {
    let client_id = required(query, "client_id")?.to_owned();
    let client = state.client(&site.settings, &client_id);
    if !client.is_some_and(|client| client.may("authorization_code")) {
        return Err(Refusal::new("unauthorized_client", "this grant was not registered"));
    }
    if required(query, "response_type")? != "code" {
        return Err(Refusal::new("unsupported_response_type", "only code is known"));
    }
    let challenge = required(query, "code_challenge")?;
    let method = required(query, "code_challenge_method")?;
    if method != "S256" || challenge.len() != 43 || !challenge.bytes().all(is_base64url) {
        return Err(Refusal::new("invalid_request", "an S256 code_challenge is required"));
    }
    check_resource(site, query)?;
    Ok(Asked {
        client_id,
        redirect_uri,
        challenge: challenge.to_owned(),
        scope: scope_to_grant(site, one(query, "scope")?)?,
        state: one(query, "state")?.map(str::to_owned),
        dpop_jkt: one(query, "dpop_jkt")?.map(str::to_owned),
    })
}

fn decide(shared: &Shared, site: &Site, state: &mut State, asked: Asked) -> Answer {
    match site.settings.consent {
        Consent::Auto => grant(shared, site, state, asked),
        Consent::Deny => deny(site, &asked),
        Consent::Silent => Response::html(200, "<p>Thank you. Nothing more happens here.</p>").into(),
        Consent::Form => {
            let ticket = shared.random.text("ct_");
            let page = consent_page(&site.endpoint("consent"), &ticket);
            state.tickets.insert(ticket, asked);
            Response::html(200, &page).into()
        }
    }
}

fn grant(shared: &Shared, site: &Site, state: &mut State, asked: Asked) -> Answer {
    let code = shared.random.text("ac_");
    let response = to_client(site, &asked.redirect_uri, &[("code", &code)], asked.state.as_deref());
    let entry = Code {
        asked,
        expires: shared.clock.now().saturating_add(site.settings.code_ttl),
        used: false,
        family: None,
        access: None,
    };
    state.codes.insert(code, entry);
    Answer::committed(response)
}

fn deny(site: &Site, asked: &Asked) -> Answer {
    refuse(site, &asked.redirect_uri, asked.state.as_deref(), "access_denied")
}

fn refuse(site: &Site, redirect_uri: &str, state: Option<&str>, error: &str) -> Answer {
    let response = to_client(site, redirect_uri, &[("error", error)], state);
    Answer::refused(response, error)
}

/// The redirect to the client, with `state` and `iss`.
fn to_client(site: &Site, redirect_uri: &str, pairs: &[(&str, &str)], state: Option<&str>) -> Response {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return Response::empty(400);
    };
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(pairs);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        if site.settings.iss.sent {
            let own = || site.issuer();
            let issuer = site.settings.iss.value.clone().unwrap_or_else(own);
            query.append_pair("iss", &issuer);
        }
    }
    Response::redirect(302, url.as_str()).header("Cache-Control", "no-store")
}

fn page(refusal: &Refusal) -> Answer {
    let body = format!("<p>This login cannot go on: {}.</p>", refusal.why);
    Answer::refused(Response::html(400, &body), refusal.error)
}

/// The form that [`crate::browser`] knows how to read.
pub(crate) fn consent_page(action: &str, ticket: &str) -> String {
    format!(
        "<h1>Allow access?</h1><form id=\"consent\" method=\"post\" action=\"{action}\">\
         <input type=\"hidden\" name=\"ticket\" value=\"{ticket}\">\
         <button name=\"decision\" value=\"approve\">Allow</button> \
         <button name=\"decision\" value=\"deny\">Deny</button></form>"
    )
}

fn state_of(query: &Pairs) -> Option<&str> {
    one(query, "state").ok().flatten()
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
