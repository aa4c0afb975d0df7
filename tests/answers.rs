//! Token answers that are hostile, careless or unusual: what is unsound is refused whole and the old token
//! kept; what is merely odd is understood.

mod support;

use mcp_credential::store::reserve::RESERVE_BYTES;
use oauthserver::{Endpoint, ExpiresIn, Fault, OAuthServer, Patch, Rotation, Settings, Times};
use serde_json::{Value, json};
use std::fs;
use support::process::{kill, wait_until_held};
use support::{Sandbox, server};

/// A server that repeats the refresh token in its answers, so that an answer that is thrown away spends
/// nothing.
fn lenient() -> (OAuthServer, Sandbox) {
    let settings = Settings { rotation: Rotation::Repeat, ..Settings::default() };
    let server = OAuthServer::start(settings).unwrap();
    let sandbox = Sandbox::logged_in(&server);
    (server, sandbox)
}

/// An answer with this change is refused whole; the next sound one is taken.
#[track_caller]
fn is_refused(server: &OAuthServer, sandbox: &Sandbox, patch: Patch, named: &str) {
    let (record, before) = (fs::read(sandbox.record()).unwrap(), server.refreshes().len());
    server.reconfigure(|settings| settings.token_answer = patch);
    let refused = sandbox.refresh().fails("untrusted_server", 5);
    assert!(refused.stderr.contains(named), "{named} is named: {refused:?}");
    assert!(!format!("{refused:?}").contains("CANARY"), "and its value is not shown: {refused:?}");
    assert_eq!(server.refreshes().len() - before, 1, "{named}");
    assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{named}");
    // The server has answered, so the old token may be spent: that is kept on disk, and nothing else.
    assert_eq!(sandbox.opened(), [""; 0], "{named}");
    assert_eq!(sandbox.leftovers(), ["demo.token.json.intent"], "{named}");
    server.reconfigure(|settings| settings.token_answer = Patch::new());
    sandbox.forget_state();
    let after = sandbox.refresh().succeeds();
    assert!(server.mcp_accepts(&after.text("access_token")), "{named}");
    assert_eq!(sandbox.leftovers(), [""; 0], "{named}");
}

#[test]
fn a_token_of_another_type_is_refused_case_48() {
    let (server, sandbox) = lenient();
    for kind in [json!("mac"), json!("DPoP"), json!(""), json!(null), json!(7)] {
        is_refused(&server, &sandbox, Patch::new().set("token_type", kind), "`token_type`");
    }
    is_refused(&server, &sandbox, Patch::new().remove("token_type"), "`token_type`");
    server.reconfigure(|settings| settings.token_type = "bEARER".to_owned());
    assert_eq!(sandbox.refresh().succeeds().text("token_type"), "Bearer");
}

#[test]
fn an_access_token_that_no_header_may_carry_is_refused_case_49() {
    let (server, sandbox) = lenient();
    let tokens =
        ["", "CANARY\r\nX-Injected: 1", "CANARY\0", "CANARY token", "CANARY\u{1b}[31m", "CANARYé", "="];
    for token in tokens {
        is_refused(&server, &sandbox, Patch::new().set("access_token", token), "`access_token`");
    }
    is_refused(&server, &sandbox, Patch::new().set("access_token", json!(["CANARY"])), "`access_token`");
    is_refused(&server, &sandbox, Patch::new().remove("access_token"), "`access_token`");
}

#[test]
fn a_token_or_answer_that_is_too_large_is_refused_case_49() {
    let (server, sandbox) = lenient();
    let long = |length: usize| "CANARY".repeat(length / 6);
    is_refused(&server, &sandbox, Patch::new().set("access_token", long(40_000)), "`access_token`");
    is_refused(&server, &sandbox, Patch::new().set("refresh_token", long(40_000)), "`refresh_token`");
    is_refused(&server, &sandbox, Patch::new().set("access_token", long(1_000_000)), "too large");
    is_refused(&server, &sandbox, Patch::new().set("filler", long(100_000)), "too large");
    is_refused(&server, &sandbox, Patch::new().set("refresh_token", "CANARY\r\n"), "`refresh_token`");
}

#[test]
fn the_largest_answer_that_is_accepted_fits_into_the_reserve() {
    let (server, sandbox) = lenient();
    let largest = "A".repeat(32 * 1024);
    let scopes: Vec<String> = (0..6_000).map(|number| format!("{number:x}")).collect();
    let patch = Patch::new().set("access_token", largest.as_str()).set("scope", scopes.join(" "));
    server.reconfigure(|settings| settings.token_answer = patch);
    let answer = sandbox.refresh().succeeds();
    assert_eq!(answer.text("access_token"), largest);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("access_token"), largest);
    let size = fs::metadata(sandbox.record()).unwrap().len();
    assert!(size > 50_000 && size <= RESERVE_BYTES as u64, "{size}");
}

#[test]
fn the_largest_answer_fits_into_the_reserve_beside_a_refresh_token_that_it_leaves_alone() {
    let (server, sandbox) = lenient();
    let kept = "R".repeat(32 * 1024);
    server.reconfigure(|settings| settings.token_answer = Patch::new().set("refresh_token", kept.as_str()));
    sandbox.refresh().succeeds();
    server.fault(Endpoint::Refresh, Fault::Hang, Times::Always);
    let caller = sandbox.start_refresh();
    wait_until_held(&server);
    let room = fs::metadata(sandbox.state("oauth/demo.token.json.next")).unwrap().len();
    kill(sandbox.worker());
    caller.kill(rustix::process::Signal::KILL);
    sandbox.wait_for_rest();
    server.clear_faults();
    // As many scopes as go into 64 KiB beside the longest token: they need the most room.
    let letters = || (b'!'..=b'~').filter(|byte| !b"\"\\".contains(byte)).map(char::from);
    let all: Vec<String> =
        letters().flat_map(|first| letters().map(move |second| [first, second].iter().collect())).collect();
    let scope = all.join(" ");
    let longest = "A".repeat(32 * 1024);
    let answer = json!({"access_token": longest, "token_type": "Bearer", "expires_in": 60, "scope": scope});
    let body = Fault::body(200, "application/json", answer.to_string());
    server.fault(Endpoint::Refresh, body, Times::Next(1));
    assert_eq!(sandbox.refresh().succeeds().text("access_token"), longest);
    let size = fs::metadata(sandbox.record()).unwrap().len();
    assert!(size > 90_000 && size <= room, "{size} {room}");
    assert_eq!(sandbox.clear()["can_refresh"], json!(true));
}

/// The last second that an answer may name, 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Lifetimes that say nothing, the missing one among them.
fn unusable() -> Vec<ExpiresIn> {
    let numbers = [json!(0), json!(-1), json!(i64::MIN), json!(-1e300), json!("0"), json!("-1")];
    let others = [json!(null), json!("soon"), json!(""), json!(true), json!([3600]), json!({})];
    numbers.into_iter().chain(others).map(ExpiresIn::Raw).chain([ExpiresIn::Omit]).collect()
}

/// Lifetimes of more seconds than there are names for.
fn huge() -> [Value; 6] {
    let (text, digits) = (json!("9223372036854775808"), json!("9".repeat(400)));
    [json!(1_u64 << 63), json!(u64::MAX), json!(18_446_744_073_709_551_616.0), json!(1e300), text, digits]
}

#[test]
fn a_first_token_of_any_lifetime_is_used_case_47() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    for lifetime in unusable().into_iter().chain(huge().map(ExpiresIn::Raw)) {
        server.reconfigure(|settings| settings.expires_in = lifetime.clone());
        sandbox.forget_browser();
        sandbox.login("demo").succeeds();
        let cached = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(cached.text("source"), "cache", "{lifetime:?}");
        let end = cached.json().get("expires_at").cloned();
        assert!(end.is_none() || end == Some(json!(LAST_SECOND)), "{lifetime:?}: {end:?}");
        sandbox.run(&["status", "demo"]).succeeds();
    }
}

#[test]
fn a_lifetime_that_says_nothing_usable_is_unknown_and_the_token_is_used_case_47() {
    let (server, sandbox) = lenient();
    for lifetime in unusable() {
        server.reconfigure(|settings| settings.expires_in = lifetime.clone());
        let answer = sandbox.refresh().succeeds();
        assert_eq!(answer.json().get("expires_at"), None, "{lifetime:?}: absent when unknown");
        assert_eq!(answer.json().get("expires"), None, "{lifetime:?}");
        let cached = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(cached.text("generation"), answer.text("generation"), "{lifetime:?}");
    }
}

#[test]
fn a_lifetime_beyond_all_measure_is_cut_to_what_can_be_named_case_47() {
    let (server, sandbox) = lenient();
    for lifetime in huge() {
        server.reconfigure(|settings| settings.expires_in = ExpiresIn::Raw(lifetime.clone()));
        let answer = sandbox.refresh().succeeds();
        assert_eq!(answer.json()["expires_at"], LAST_SECOND, "{lifetime}");
        assert_eq!(answer.text("expires"), "9999-12-31T23:59:59Z", "{lifetime}");
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache", "{lifetime}");
    }
}

#[test]
fn a_lifetime_written_as_text_or_with_a_fraction_is_understood_case_47() {
    let (server, sandbox) = lenient();
    for lifetime in [json!("3600"), json!(3600.9), json!(" 3600 ")] {
        server.reconfigure(|settings| settings.expires_in = ExpiresIn::Raw(lifetime.clone()));
        let answer = sandbox.refresh().succeeds();
        let clear: Value = sandbox.clear();
        let lives = clear["expires_at"].as_u64().unwrap() - clear["obtained_at"].as_u64().unwrap();
        assert_eq!(lives, 3600, "{lifetime}");
        assert_eq!(answer.json()["expires_at"], clear["expires_at"]);
    }
}

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one_case_45() {
    let server = server(3600);
    server.reconfigure(|settings| settings.rotation = Rotation::Omit);
    let sandbox = Sandbox::logged_in(&server);
    let obtained = sandbox.clear()["refresh_obtained_at"].clone();
    for _ in 0..3 {
        assert_eq!(sandbox.refresh().succeeds().text("source"), "refreshed");
    }
    let sent: Vec<_> = server
        .refreshes()
        .iter()
        .map(|request| request.form_value("refresh_token").map(str::to_owned))
        .collect();
    assert!(
        sent.len() == 3 && sent.iter().all(|token| token.is_some() && *token == sent[0]),
        "the same token"
    );
    assert_eq!((sandbox.clear()["refresh_obtained_at"].clone(), server.reuses()), (obtained, 0));
    let last = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&last.text("access_token")));
}

#[test]
fn an_empty_refresh_token_counts_as_none_case_45() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.reconfigure(|settings| {
        settings.rotation = Rotation::Omit;
        settings.token_answer = Patch::new().set("refresh_token", "");
    });
    sandbox.refresh().succeeds();
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (2, 0));
}

#[test]
fn scopes_that_the_server_narrowed_or_widened_are_recorded_and_shown_case_50() {
    let (server, sandbox) = lenient();
    for scope in ["read", "read write admin"] {
        server.reconfigure(|settings| settings.token_answer = Patch::new().set("scope", scope));
        let answer = sandbox.refresh().succeeds();
        let scopes: Vec<&str> = scope.split(' ').collect();
        assert_eq!(answer.json()["scopes"], json!(scopes));
        assert!(sandbox.run(&["status", "demo"]).succeeds().stdout.contains(scope), "{scope}");
    }
}

#[test]
fn a_refresh_asks_for_nothing_that_was_not_granted_case_50() {
    let server = server(3600);
    server.reconfigure(|settings| settings.granted_scope = Some("mcp:read".to_owned()));
    let oauth2 = json!({"scope": "mcp:read mcp:write", "scopeOnRefresh": true});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let login = sandbox.login("demo").succeeds();
    assert!(login.stderr.contains("not granted: mcp:write\n"), "{}", login.stderr);
    assert_eq!(sandbox.clear()["scopes_requested"], json!(["mcp:read", "mcp:write"]));
    for _ in 0..2 {
        let answer = sandbox.run(&["refresh", "demo", "--rejected-generation", &sandbox.generation()]);
        assert_eq!(answer.succeeds().json()["scopes"], json!(["mcp:read"]));
    }
    assert!(server.refreshes().iter().all(|refresh| refresh.form_value("scope") == Some("mcp:read")));
}

#[test]
fn a_refresh_asks_for_what_was_asked_for_where_it_is_not_said_what_was_granted() {
    let server = server(3600);
    server.reconfigure(|settings| settings.token_answer = Patch::new().remove("scope"));
    let sandbox =
        Sandbox::configured(&server, &json!({"scope": "mcp:read mcp:write", "scopeOnRefresh": true}));
    sandbox.login("demo").succeeds();
    sandbox.refresh().succeeds();
    assert_eq!(server.refreshes()[0].form_value("scope"), Some("mcp:read mcp:write"));
}

#[test]
fn unknown_members_and_another_encoding_are_understood() {
    let (server, sandbox) = lenient();
    let patch = Patch::new().set("id_token", "eyJ").set("extra", json!({"deep": [1, [2, [3]]]}));
    server.reconfigure(|settings| settings.token_answer = patch);
    sandbox.refresh().succeeds();
    server.reconfigure(|settings| {
        settings.token_answer = Patch::new();
        settings.token_format = oauthserver::TokenFormat::Form;
    });
    let answer = sandbox.refresh().succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
}
