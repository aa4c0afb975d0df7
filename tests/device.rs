//! Logins on another device (RFC 8628): a code is shown, a person enters it elsewhere, and nothing is lost meanwhile.
//!
//! The sandbox has no display, so a browser that was opened here would not be seen.

mod support;

use oauthserver::browser::{self, Decision};
use oauthserver::{Client, Device, Endpoint, Fault, Logged, OAuthServer, Patch, Settings, Times};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use support::{PATIENCE, Ran, Running, Sandbox, serve, wait_for, wait_until};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// A key that sealed nothing.
const OTHER: &str = "YW5vdGhlci1rZXktb2YtZXhhY3RseS0zMi1ieXRlcyE=";

fn server_with(device: Device, settings: Settings) -> OAuthServer {
    serve(Settings { device: Some(device), ..settings })
}

fn server() -> OAuthServer {
    server_with(Device::default(), Settings::default())
}

/// The polls so far.
fn polls(server: &OAuthServer) -> Vec<Logged> {
    server.token_requests().into_iter().filter(|request| request.grant.as_deref() == Some(GRANT)).collect()
}

#[track_caller]
fn wait_for_polls(server: &OAuthServer, count: usize) {
    let asked = |log: &oauthserver::RequestLog| {
        log.token_requests().iter().filter(|one| one.grant.as_deref() == Some(GRANT)).count() >= count
    };
    assert!(server.wait_for(asked, PATIENCE), "{count} polls");
}

/// The address with the code in it, as the program shows it.
fn shown(login: &Running) -> String {
    wait_for("the address with the code", || {
        login.said().lines().find(|line| line.contains("?user_code=")).map(str::to_owned)
    })
}

/// Runs `arguments` and plays the person on the other device.
fn decided(sandbox: &Sandbox, arguments: &[&str], decision: Decision) -> Ran {
    let login = sandbox.watch(arguments);
    browser::visit_and(&shown(&login), decision).unwrap();
    login.end()
}

#[test]
fn without_a_display_a_code_is_shown_and_the_login_is_completed_elsewhere() {
    let server = server_with(
        Device::default(),
        Settings { scopes_supported: vec!["mcp:read".to_owned()], ..Settings::default() },
    );
    let sandbox = Sandbox::with(&server);
    let ran = decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    assert!(ran.stderr.contains("enter the code ") && ran.stderr.contains("logged in"), "{}", ran.stderr);
    assert_eq!(sandbox.opened(), [""; 0]);
    let asked = server.log().to(&Endpoint::DeviceAuthorization)[0].clone();
    let resource = server.resource();
    assert_eq!(asked.form_value("resource"), Some(resource.as_str()));
    assert_eq!((asked.form_value("scope"), asked.form_value("grant_type")), (Some("mcp:read"), None));
    assert!(polls(&server).iter().all(|poll| poll.form_value("resource") == Some(resource.as_str())));
    let registered = server.registrations()[0].json.clone().unwrap();
    assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token", GRANT]));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "cache");
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(sandbox.clear()["grant"], json!("authorization_code"), "it is a login like any other");
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

#[test]
fn such_a_login_is_refreshed_like_any_other() {
    let settings = Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() };
    let server = server_with(Device::default(), settings);
    let sandbox = Sandbox::configured(&server, &json!({"grant": "device_code"}));
    decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "refreshed");
    assert_eq!((server.refreshes().len(), server.registrations().len()), (1, 1));
    assert_eq!(sandbox.clear()["grant"], json!("device_code"));
    // The next login finds the client registered.
    decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    assert_eq!(server.registrations().len(), 1);
}

#[test]
fn a_client_known_by_its_metadata_document_logs_in_on_another_device() {
    let url = "https://corp.example.com/mcp-credential.json";
    let document = Sandbox::new().run(&["client-metadata", "--url", url]).succeeds().json();
    let settings = Settings {
        clients: vec![Client::from_metadata(url, &document).unwrap()],
        server_metadata: Patch::new().set("client_id_metadata_document_supported", true),
        ..Settings::default()
    };
    let server = server_with(Device::default(), settings);
    let sandbox = Sandbox::configured(&server, &json!({"clientMetadataUrl": url}));
    decided(&sandbox, &["login", "demo", "--device", "--timeout", "60"], Decision::Approve).succeeds();
    assert_eq!((polls(&server)[0].form_value("client_id"), server.registrations().len()), (Some(url), 0));
}

#[test]
fn who_asks_for_a_browser_or_has_one_gets_no_code() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    let ran = sandbox.person(&["login", "demo", "--no-device"], Decision::Approve).succeeds();
    assert!(!ran.stderr.contains("enter the code"), "{}", ran.stderr);
    let seen = sandbox.variable("DISPLAY", ":0");
    seen.forget_browser();
    seen.login("demo").succeeds();
    assert_eq!(server.log().to(&Endpoint::DeviceAuthorization).len(), 0);
    // And over SSH a display is somebody else's.
    let remote = seen.variable("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    decided(&remote, &["login", "demo"], Decision::Approve).succeeds();
    assert_eq!(server.log().to(&Endpoint::DeviceAuthorization).len(), 1);
}

#[test]
fn with_a_display_the_address_with_the_code_is_opened() {
    let server = server();
    let sandbox = Sandbox::with(&server).variable("DISPLAY", ":0");
    sandbox.person(&["login", "demo", "--device"], Decision::Approve).succeeds();
    assert!(sandbox.asked_url().contains("/device?user_code="), "{:?}", sandbox.opened());
    sandbox.forget_browser();
    let ran = decided(&sandbox, &["login", "demo", "--device", "--interactive", "never"], Decision::Approve);
    ran.succeeds();
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_refusal_on_the_other_device_ends_the_login() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    let ran = decided(&sandbox, &["login", "demo"], Decision::Deny).ends("denied", 6);
    assert!(ran.stderr.contains("refused on the other device"), "{}", ran.stderr);
    assert!(ran.stderr.contains("run `mcp-credential login demo --device`"), "{}", ran.stderr);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

#[test]
fn a_code_that_nobody_enters_ends_the_login_in_time() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    let ran = sandbox.run(&["login", "demo", "--timeout", "10"]).ends("deadline", 75);
    assert!(ran.stderr.contains("in time; run `mcp-credential login demo --device`"), "{}", ran.stderr);
    assert!(!polls(&server).is_empty());
    let device = Device { lifetime: Duration::from_secs(2), ..Device::default() };
    server.reconfigure(|settings| settings.device = Some(device));
    sandbox.run(&["login", "demo"]).ends("deadline", 75);
    // The server's clock may be ahead.
    server.reconfigure(|settings| settings.device = Some(Device::default()));
    let login = sandbox.watch(&["login", "demo"]);
    shown(&login);
    server.advance(Duration::from_secs(700));
    let ran = login.end().ends("deadline", 75);
    assert!(ran.stderr.contains("nobody entered the code"), "{}", ran.stderr);
}

#[test]
fn polls_keep_the_pause_and_slow_down_when_they_are_told_to() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    server.fault(Endpoint::Token, Fault::json_error(400, "slow_down"), Times::Next(1));
    let login = sandbox.watch(&["login", "demo"]);
    browser::visit(&shown(&login)).unwrap();
    login.end().succeeds();
    let polls = polls(&server);
    assert_eq!(polls.len(), 2);
    assert!(polls[1].at >= polls[0].at + Duration::from_secs(6), "{:?} {:?}", polls[0].at, polls[1].at);
    assert!(polls.iter().all(|poll| poll.error.as_deref() != Some("slow_down")), "the server saw no haste");
}

#[test]
fn the_pause_is_as_long_as_the_server_says_and_a_fraction_is_never_cut_off() {
    let server = server();
    let sandbox = Sandbox::with(&server).variable("MCP_CREDENTIAL_LOG", "info");
    for (interval, pause) in [(json!(90), 90), (json!(12.0), 12), (json!("61.2"), 62)] {
        let device = Device { answer: Patch::new().set("interval", interval), ..Device::default() };
        server.reconfigure(|settings| settings.device = Some(device));
        let login = sandbox.watch(&["login", "demo", "--device", "--timeout", "120"]);
        login.says(&format!("the server is asked in {pause} s"));
        login.kill();
    }
    // Whoever would not be asked before the end is told before a code is shown.
    let ran = sandbox.run(&["login", "demo", "--device", "--timeout", "60"]).ends("deadline", 75);
    assert!(ran.stderr.contains("asked every 62 s") && ran.stderr.contains("--no-device"), "{}", ran.stderr);
    assert_eq!(polls(&server).len(), 0);
}

#[test]
fn faults_of_the_network_are_sat_out_with_growing_pauses() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    for fault in [Fault::status(503), Fault::DropBeforeCommit] {
        server.fault(Endpoint::Token, fault, Times::Next(1));
    }
    let login = sandbox.watch(&["login", "demo"]);
    browser::visit(&shown(&login)).unwrap();
    login.end().succeeds();
    let polls = polls(&server);
    assert_eq!(polls.len(), 3, "each fault cost one poll");
    for (pair, seconds) in polls.windows(2).zip([2, 4]) {
        assert!(pair[1].at >= pair[0].at + Duration::from_secs(seconds));
    }
}

#[test]
fn a_kill_of_the_caller_while_the_deciding_poll_is_answered_loses_nothing() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    let mut caller = sandbox.start_group(&["login", "demo"]);
    let code = caller.first_line();
    let code = code.split("enter the code ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    // Held before it is decided: a poll that was answered before the visit would leave nothing to hold.
    server.fault(Endpoint::Token, Fault::Hang, Times::Next(1));
    support::process::wait_until_held(&server);
    browser::visit(&format!("{}/device?user_code={code}", server.origin())).unwrap();
    caller.kill(Signal::KILL);
    server.release();
    wait_for("the worker to save the token", || sandbox.record().exists().then_some(()));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
    sandbox.wait_for_rest();
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

#[test]
fn nothing_is_held_between_two_polls_so_others_go_on_with_the_old_login() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    sandbox.person(&["login", "demo", "--no-device"], Decision::Approve).succeeds();
    let login = sandbox.watch(&["login", "demo", "--device"]);
    let address = shown(&login);
    wait_for_polls(&server, 1);
    for _ in 0..3 {
        assert_eq!(sandbox.refresh().succeeds().text("source"), "refreshed");
    }
    browser::visit(&address).unwrap();
    login.end().succeeds();
    assert_eq!(server.reuses(), 0);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn a_record_that_the_wrong_key_cannot_read_makes_way_for_a_granted_login_and_for_nothing_else() {
    let client = Client::public("app").grant_types(&[GRANT, "refresh_token"]);
    let server = server_with(Device::default(), Settings { clients: vec![client], ..Settings::default() });
    // A registration would be unreadable as well, and end the login before it asks for a code.
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app"}));
    decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    let (record, before) = (std::fs::read(sandbox.record()).unwrap(), polls(&server).len());
    let aside = |sandbox: &Sandbox| {
        let is_aside = |name: &String| name.starts_with("demo.token.json.damaged-");
        sandbox.files().into_iter().filter(is_aside).collect::<Vec<_>>()
    };
    let mistaken = sandbox.variable("MCP_CREDENTIAL_KEY", OTHER);
    let login = mistaken.watch(&["login", "demo", "--device"]);
    wait_for_polls(&server, before + 2);
    login.kill();
    mistaken.wait_for_rest();
    assert_eq!((std::fs::read(mistaken.record()).unwrap(), aside(&mistaken)), (record.clone(), vec![]));
    decided(&mistaken, &["login", "demo", "--device"], Decision::Deny).ends("denied", 6);
    assert_eq!((std::fs::read(mistaken.record()).unwrap(), aside(&mistaken)), (record.clone(), vec![]));
    let right = mistaken.without_variables();
    assert_eq!(right.run(&["get", "demo"]).succeeds().text("source"), "cache");
    let mistaken = right.variable("MCP_CREDENTIAL_KEY", OTHER);
    decided(&mistaken, &["login", "demo", "--device"], Decision::Approve).succeeds();
    let moved = aside(&mistaken);
    assert_eq!(moved.len(), 1);
    assert_eq!(std::fs::read(mistaken.state("oauth").join(&moved[0])).unwrap(), record, "whole");
    assert_eq!(mistaken.run(&["get", "demo"]).succeeds().text("source"), "cache");
}

#[test]
fn a_login_with_the_wrong_key_that_is_only_begun_leaves_a_saved_answer_to_the_right_one() {
    let client = Client::public("app").grant_types(&[GRANT, "refresh_token"]);
    let server = server_with(Device::default(), Settings { clients: vec![client], ..Settings::default() });
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app"}));
    decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    // What a worker leaves that dies after it has synced the answer, before it is in its place.
    let (spent, held) = (std::fs::read(sandbox.record()).unwrap(), sandbox.generation());
    let newer = sandbox.refresh().succeeds().text("generation");
    let next = sandbox.state("oauth/demo.token.json.next");
    std::fs::rename(sandbox.record(), &next).unwrap();
    std::fs::write(sandbox.record(), spent).unwrap();
    let saved = std::fs::read(&next).unwrap();
    let before = polls(&server).len();
    let mistaken = sandbox.variable("MCP_CREDENTIAL_KEY", OTHER);
    let login = mistaken.watch(&["login", "demo", "--device"]);
    wait_for_polls(&server, before + 2);
    login.kill();
    mistaken.wait_for_rest();
    decided(&mistaken, &["login", "demo", "--device"], Decision::Deny).ends("denied", 6);
    assert_eq!(std::fs::read(&next).unwrap(), saved);
    let right = mistaken.without_variables();
    let answer = right.run(&["refresh", "demo", "--rejected-generation", &held]).succeeds();
    assert_eq!((answer.text("source").as_str(), answer.text("generation")), ("already_rotated", newer));
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
    assert_eq!(right.leftovers(), [""; 0]);
}

#[test]
fn a_login_that_is_begun_and_given_up_does_not_hide_that_a_refresh_was_interrupted_case_51() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    sandbox.person(&["login", "demo", "--no-device"], Decision::Approve).succeeds();
    server.fault(Endpoint::Refresh, Fault::AfterCommit(Box::new(Fault::status(504))), Times::Always);
    sandbox
        .run(&["refresh", "demo", "--rejected-generation", &sandbox.generation(), "--timeout", "60"])
        .fails("unavailable", 75);
    server.clear_faults();
    sandbox.forget_state();
    let login = sandbox.watch(&["login", "demo", "--device"]);
    wait_for_polls(&server, 2);
    login.kill();
    sandbox.wait_for_rest();
    let refused = sandbox.refresh().fails("interaction_required", 4);
    assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
    decided(&sandbox, &["login", "demo", "--device"], Decision::Approve).succeeds();
    assert_eq!(sandbox.refresh().succeeds().text("source"), "refreshed");
    assert_eq!(sandbox.leftovers(), [""; 0], "a granted login ends the doubt");
}

#[test]
fn a_second_login_waits_for_the_first_and_takes_its_token() {
    let server = server();
    let sandbox = Sandbox::with(&server);
    let first = sandbox.watch(&["login", "demo"]);
    let address = shown(&first);
    let second = sandbox.watch(&["login", "demo"]);
    second.says("another login is under way");
    browser::visit(&address).unwrap();
    first.end().succeeds();
    assert!(second.end().succeeds().stderr.contains("another login has just been completed"));
    assert_eq!(server.log().to(&Endpoint::DeviceAuthorization).len(), 1);
}

#[test]
fn a_hostile_address_or_code_is_neither_shown_nor_opened() {
    let server = server();
    let sandbox = Sandbox::with(&server).variable("DISPLAY", ":0");
    for patch in [
        Patch::new().set("verification_uri", "javascript:alert(1)"),
        Patch::new().set("verification_uri", "http://idp.example/device"),
        Patch::new().set("verification_uri_complete", "file:///etc/passwd"),
        Patch::new().set("verification_uri", "\u{1b}]8;;https://evil.example\u{7}"),
        Patch::new().set("user_code", "\u{1b}[2JABCD"),
        Patch::new().set("user_code", "x".repeat(4000)),
        Patch::new().set("device_code", "a\r\nb"),
        Patch::new().remove("verification_uri"),
        Patch::new().remove("user_code"),
    ] {
        server.reconfigure(|settings| {
            settings.device = Some(Device { answer: patch.clone(), ..Device::default() });
        });
        let ran = sandbox.run(&["login", "demo", "--device"]).ends("untrusted_server", 5);
        assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", ran.stderr);
        assert!(!ran.stderr.contains("to log in, open"), "{patch:?}: {}", ran.stderr);
    }
    assert_eq!((sandbox.opened(), polls(&server).len()), (vec![], 0));
    let tricky = Patch::new().set("verification_uri", "https://idp.example/$(id)`x`?a=|calc");
    server.reconfigure(|settings| settings.device = Some(Device { answer: tricky, ..Device::default() }));
    let login = sandbox.watch(&["login", "demo", "--device", "--interactive", "never"]);
    login.says("https://idp.example/%24%28id%29%60x%60?a=%7Ccalc\n");
    login.kill();
}

#[test]
fn a_page_of_somebody_else_is_shown_to_nobody_who_did_not_ask_for_a_code() {
    for member in ["verification_uri", "verification_uri_complete"] {
        let answer = Patch::new().set(member, "https://other.example/device");
        let server = server_with(Device { answer, ..Device::default() }, Settings::default());
        let sandbox = Sandbox::with(&server);
        let login = sandbox.login("demo").succeeds();
        assert!(!login.stderr.contains("other.example"), "{}", login.stderr);
        assert_eq!((sandbox.opened().len(), polls(&server).len()), (1, 0));
        let hint = "`mcp-credential login demo --device`";
        assert!(login.stderr.contains(hint) && login.stderr.contains("a code"), "{}", login.stderr);
        sandbox.forget_browser();
        let declined = sandbox.person(&["login", "demo", "--no-device"], Decision::Approve).succeeds();
        assert!(!declined.stderr.contains(hint), "{}", declined.stderr);
        let asked = sandbox.watch(&["login", "demo", "--device"]);
        asked.says("https://other.example/device\n");
        asked.kill();
    }
}

#[test]
fn a_server_that_does_not_let_the_client_do_it_gets_a_browser_login_unless_a_code_was_asked_for() {
    let client = Client::public("app").redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    let server = server_with(Device::default(), Settings { clients: vec![client], ..Settings::default() });
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app"}));
    sandbox.login("demo").succeeds();
    assert_eq!(sandbox.opened().len(), 1);
    let refused = sandbox.run(&["login", "demo", "--device"]).ends("denied", 6);
    assert!(refused.stderr.contains("device authorization endpoint"), "{}", refused.stderr);
}

#[test]
fn a_server_that_offers_no_such_login_is_told_as_that() {
    let server = serve(Settings::default());
    let sandbox = Sandbox::with(&server);
    let ran = sandbox.run(&["login", "demo", "--device"]).ends("config_invalid", 2);
    assert!(ran.stderr.contains("`deviceAuthorizationUrl`"), "{}", ran.stderr);
    let configured = Sandbox::configured(&server, &json!({"grant": "device_code"}));
    configured.run(&["login", "demo"]).ends("config_invalid", 2);
    configured.run(&["login", "demo", "--no-device"]).ends("usage", 2);
    sandbox.login("demo").succeeds();
}

#[test]
fn explicit_endpoints_need_no_metadata() {
    let client = Client::public("app").grant_types(&[GRANT, "refresh_token"]);
    let settings = Settings { documents: Vec::new(), clients: vec![client], ..Settings::default() };
    let server = server_with(Device::default(), settings);
    let oauth2 = json!({
        "grant": "device_code", "clientId": "app", "tokenUrl": server.token_endpoint(),
        "deviceAuthorizationUrl": format!("{}/device_authorization", server.origin()),
        "discovery": {"enabled": false},
    });
    let sandbox = Sandbox::configured(&server, &oauth2);
    decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    assert_eq!(server.log().to(&Endpoint::Mcp).len(), 0);
}

#[test]
fn no_device_code_is_said_or_kept() {
    let server = server();
    let sandbox = Sandbox::with(&server).variable("MCP_CREDENTIAL_LOG", "trace");
    let ran = decided(&sandbox, &["login", "demo"], Decision::Approve).succeeds();
    let code = polls(&server)[0].form_value("device_code").unwrap().to_owned();
    assert!(!ran.stderr.contains(&code) && !ran.stdout.contains(&code));
    for name in sandbox.files() {
        let bytes = std::fs::read(sandbox.state("oauth").join(&name)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(&code), "{name}");
    }
}
