//! Device authorization (RFC 8628): the pair of codes, the page where a person decides, and the polls.
//!
//! Strict: a code belongs to its client, is good once, and whoever polls too fast is told to slow down.

use crate::answer::{Answer, Refusal, check_resource, one, required, scope_to_grant};
use crate::authorize::consent_page;
use crate::client::Client;
use crate::client_auth::authenticate;
use crate::request::{Pairs, Request};
use crate::response::Response;
use crate::shared::Shared;
use crate::site::Site;
use crate::state::{Asked, State};
use serde_json::{Map, Value};
use std::time::Duration;

/// `grant_type` of section 3.4.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How much longer the pause gets for whoever polls too fast (section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// A login that was begun by a device.
#[derive(Clone, Debug)]
pub(crate) struct DeviceLogin {
    asked: Asked,
    user_code: String,
    expires: Duration,
    interval: Duration,
    polled: Option<Duration>,
    allowed: Option<bool>,
    used: bool,
}

/// Answers the device authorization endpoint.
pub(crate) fn authorization(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    let mut state = shared.state();
    match begin(shared, site, &mut state, request) {
        Ok(answer) => Answer::committed(Response::json(200, &Value::Object(answer))),
        Err(refusal) => refusal.into(),
    }
}

fn begin(
    shared: &Shared,
    site: &Site,
    state: &mut State,
    request: &Request,
) -> Result<Map<String, Value>, Refusal> {
    let form = request.form();
    if one(&form, "grant_type")?.is_some() {
        return Err(Refusal::new("invalid_request", "a device authorization request has no grant_type"));
    }
    let client = authenticate(shared, site, state, request, &form)?;
    let device = site.settings.device.as_ref().filter(|_| client.may(DEVICE_CODE));
    let device = device.ok_or(Refusal::new("unauthorized_client", "this grant was not registered"))?;
    check_resource(site, &form)?;
    let scope = scope_to_grant(site, one(&form, "scope")?)?;
    let (device_code, user_code) = (shared.random.text("dc_"), user_code(shared));
    let login = DeviceLogin {
        asked: Asked {
            client_id: client.client_id,
            redirect_uri: String::new(),
            challenge: String::new(),
            scope,
            state: None,
            dpop_jkt: None,
        },
        user_code: user_code.clone(),
        expires: shared.clock.now().saturating_add(device.lifetime),
        interval: device.interval,
        polled: None,
        allowed: None,
        used: false,
    };
    state.devices.insert(device_code.clone(), login);
    let page = site.endpoint("device");
    let member = |name: &str, value: Value| (name.to_owned(), value);
    let mut answer: Map<String, Value> = [
        member("device_code", device_code.into()),
        member("user_code", user_code.clone().into()),
        member("verification_uri", page.clone().into()),
        member("verification_uri_complete", format!("{page}?user_code={user_code}").into()),
        member("expires_in", device.lifetime.as_secs().into()),
        member("interval", device.interval.as_secs().into()),
    ]
    .into_iter()
    .collect();
    device.answer.apply(&mut answer);
    Ok(answer)
}

/// Eight letters that a person can type, as `ABCD-EFGH`.
fn user_code(shared: &Shared) -> String {
    let letters: String = shared
        .random
        .text("")
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_uppercase())
        .chain("ABCDEFGH".chars())
        .take(8)
        .collect();
    let (first, second) = letters.split_at(4);
    format!("{first}-{second}")
}

/// The page where a person decides: a GET shows the form that [`crate::browser`] knows, a POST is the decision.
pub(crate) fn page(shared: &Shared, site: &Site, request: &Request) -> Answer {
    let form = request.form();
    let (pairs, name) =
        if request.method == "POST" { (&form, "ticket") } else { (&request.query, "user_code") };
    let code = required(pairs, name).unwrap_or_default();
    let mut state = shared.state();
    let login = state.devices.values_mut().find(|login| login.user_code == code && !login.used);
    let Some(login) = login else {
        return Response::html(400, "<p>This code is unknown.</p>").into();
    };
    if request.method != "POST" {
        return Response::html(200, &consent_page(&site.endpoint("device"), code)).into();
    }
    login.allowed = Some(required(&form, "decision").is_ok_and(|decision| decision == "approve"));
    Answer::committed(Response::html(200, "<p>Thank you. You can go back to your device.</p>"))
}

/// What a poll of `client` with its device code may have.
pub(crate) fn poll(
    shared: &Shared,
    site: &Site,
    state: &mut State,
    client: &Client,
    form: &Pairs,
) -> Result<Asked, Refusal> {
    let now = shared.clock.now();
    let code = required(form, "device_code")?;
    let login = state.devices.get_mut(code).filter(|login| login.asked.client_id == client.client_id);
    let unknown = Refusal::new("invalid_grant", "the device code is unknown or used");
    let Some(login) = login.filter(|login| !login.used) else { return Err(unknown) };
    check_resource(site, form)?;
    if now >= login.expires {
        return Err(Refusal::new("expired_token", "the device code has expired"));
    }
    let too_fast = login.polled.is_some_and(|last| now.saturating_sub(last) < login.interval);
    login.polled = Some(now);
    if too_fast {
        login.interval = login.interval.saturating_add(SLOW_DOWN);
        return Err(Refusal::new("slow_down", "the pause between two polls was too short"));
    }
    match login.allowed {
        None => Err(Refusal::new("authorization_pending", "nobody has decided yet")),
        Some(false) => Err(Refusal::new("access_denied", "the person said no")),
        Some(true) => {
            login.used = true;
            Ok(login.asked.clone())
        }
    }
}
