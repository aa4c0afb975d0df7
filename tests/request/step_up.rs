//! A server that wants more scopes: who is asked for them, how often, and what is said where nobody is.

use crate::support::{Ran, Sandbox, end, serve};
use crate::{ask, challenge, refused};
use oauthserver::browser::{self, Decision};
use oauthserver::{Client, Consent, Endpoint, Fault, OAuthServer, Settings, Times};
use serde_json::{Value, json};

const MORE: &str = r#"error="insufficient_scope", scope="mcp:write mcp:read""#;
const ALWAYS: [&str; 5] = ["refresh", "--request", "-", "--interactive", "always"];

/// A server that asks for the scope `mcp:read` at first, and later wants more.
fn reading() -> OAuthServer {
    let more = ("tools/call".to_owned(), "mcp:write -x".to_owned());
    let server = serve(Settings { required_scopes: vec![more], ..Settings::default() });
    server.reconfigure(|settings| settings.challenge.scope = Some("mcp:read".to_owned()));
    server
}

/// The same caller, with a person who decides like this if asked.
fn with_person(sandbox: &Sandbox, object: &Value, decision: Decision) -> Ran {
    sandbox.person_with(&ALWAYS, object.to_string().as_bytes(), decision)
}

/// The scope that the last login asked for.
fn asked(sandbox: &Sandbox) -> String {
    let opened = url::Url::parse(sandbox.opened().last().unwrap()).unwrap();
    opened.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned()
}

#[test]
fn without_a_person_the_answer_names_scopes_and_a_command_that_gets_them_rule_14() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let before = server.requests().len();
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    for verb in ["get", "refresh"] {
        let error = ask(&sandbox, &[verb], &object).fails("insufficient_scope", 6);
        assert!(error.stderr.contains("login demo --scope 'mcp:write mcp:read'"), "{}", error.stderr);
        let error = error.json()["error"].take();
        assert_eq!(error["scopes"], json!(["mcp:write", "mcp:read"]));
        assert_eq!(
            error["login"],
            json!(["mcp-credential", "login", "demo", "--scope", "mcp:write mcp:read"])
        );
    }
    assert_eq!((server.requests().len(), sandbox.opened().len()), (before, 0));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache", "nothing is erased");
    sandbox.person(&["login", "demo", "--scope", "mcp:write mcp:read"], Decision::Approve).succeeds();
    assert_eq!(
        asked(&sandbox),
        "mcp:read mcp:write",
        "what was asked for before comes first, and nothing twice"
    );
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.json()["scopes"], json!(["mcp:read", "mcp:write"]));
}

#[test]
fn where_a_login_may_start_it_asks_for_all_scopes_together_rule_14() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let (asked_mcp, older) = (server.count("/mcp"), sandbox.generation());
    let object = refused(&server, &older, 403, MORE);
    let answer = with_person(&sandbox, &object, Decision::Approve).succeeds();
    assert_eq!(answer.text("source"), "login");
    assert_eq!(answer.json()["scopes"], json!(["mcp:read", "mcp:write"]));
    assert_eq!((asked(&sandbox).as_str(), sandbox.opened().len()), ("mcp:read mcp:write", 1));
    assert_eq!((server.refreshes().len(), server.count("/mcp")), (0, asked_mcp), "neither is of use");
    let late = ask(&sandbox, &["refresh"], &object).succeeds();
    assert_eq!(late.text("source"), "already_rotated", "another process has stepped up meanwhile");
    assert_eq!(late.text("generation"), answer.text("generation"));
    sandbox.refresh().succeeds();
    assert_eq!(sandbox.clear()["scopes"], json!(["mcp:read", "mcp:write"]), "a refresh keeps them");
}

#[test]
fn every_further_login_asks_for_all_that_was_asked_for_before_until_a_logout_rule_14() {
    let server = reading();
    let sandbox = Sandbox::with(&server);
    sandbox.person(&["login", "demo", "--scope", "mcp:write"], Decision::Approve).succeeds();
    sandbox.login("demo").succeeds();
    assert_eq!(asked(&sandbox), "mcp:read mcp:write", "nobody has taken the scopes back");
    let oauth2 = json!({"scope": "mcp:read"});
    let configured = json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}});
    sandbox.write_config(&configured);
    sandbox.login("demo").succeeds();
    assert_eq!(asked(&sandbox), "mcp:read", "the configuration means what it says");
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url()}}}));
    sandbox.person(&["login", "demo", "--scope", "mcp:write"], Decision::Approve).succeeds();
    sandbox.run(&["logout", "demo"]).succeeds();
    sandbox.login("demo").succeeds();
    assert_eq!(asked(&sandbox), "mcp:read", "a logout begins anew");
}

#[test]
fn a_login_for_a_refused_token_asks_for_what_was_held_and_what_is_challenged_rule_14() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::json_error(400, "invalid_grant"), Times::Always);
    let object = refused(&server, &sandbox.generation(), 401, r#"error="invalid_token", scope="mcp:write""#);
    let answer = with_person(&sandbox, &object, Decision::Approve).succeeds();
    assert_eq!((answer.text("source").as_str(), server.refreshes().len()), ("login", 1));
    assert_eq!(asked(&sandbox), "mcp:read mcp:write");
}

#[test]
fn a_newer_token_that_was_not_asked_for_with_the_scopes_is_no_answer_rule_14() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    sandbox.refresh().succeeds();
    assert_eq!(sandbox.clear()["scopes_requested"], json!(["mcp:read"]));
    for verb in ["get", "refresh"] {
        let error = ask(&sandbox, &[verb], &object).fails("insufficient_scope", 6);
        assert_eq!(error.json()["error"]["scopes"], json!(["mcp:write", "mcp:read"]), "{verb}");
    }
}

#[test]
fn an_ordinary_403_is_no_step_up() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let object = json!({"server": "demo", "response": {"status": 403, "www_authenticate": challenge(&server, "scope=x")}});
    assert_eq!(ask(&sandbox, &["get"], &object).succeeds().text("source"), "cache");
    let denied =
        json!({"server": "demo", "response": {"status": 500, "www_authenticate": challenge(&server, MORE)}});
    assert_eq!(ask(&sandbox, &["get"], &denied).succeeds().text("source"), "cache");
}

#[test]
fn a_crowd_that_wants_more_asks_one_person_once() {
    let server = reading();
    server.reconfigure(|settings| settings.consent = Consent::Form);
    let sandbox = Sandbox::logged_in(&server);
    // Less is granted than was asked for: nobody asks again for what the person has just left out.
    server.reconfigure(|settings| settings.granted_scope = Some("mcp:read".to_owned()));
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    let object = object.to_string();
    let started: Vec<_> = (0..4).map(|_| sandbox.start_with(&ALWAYS, object.as_bytes())).collect();
    browser::visit(&sandbox.asked_url()).unwrap();
    for child in started {
        assert_eq!(end(child).succeeds().json()["scopes"], json!(["mcp:read"]));
    }
    assert_eq!(sandbox.opened().len(), 1);
}

#[test]
fn a_narrower_grant_is_kept_and_shown_and_a_server_that_keeps_asking_ends_in_an_error_rule_14() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    server.reconfigure(|settings| settings.granted_scope = Some("mcp:read".to_owned()));
    for round in 1..=3 {
        let object = refused(&server, &sandbox.generation(), 403, MORE);
        let answer = with_person(&sandbox, &object, Decision::Approve).succeeds();
        assert_eq!(answer.json()["scopes"], json!(["mcp:read"]));
        assert_eq!(sandbox.clear()["scopes_requested"], json!(["mcp:read", "mcp:write"]));
        let late = with_person(&sandbox, &object, Decision::Nothing).succeeds();
        assert_eq!((late.text("source").as_str(), sandbox.opened().len()), ("already_rotated", round));
    }
    let shown = sandbox.run(&["status", "demo"]).succeeds().stdout;
    assert!(shown.contains("asked for") && shown.contains("mcp:read mcp:write"), "{shown}");
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    let tired = with_person(&sandbox, &object, Decision::Approve).fails("insufficient_scope", 6);
    assert!(tired.stderr.contains("3 times within ten minutes"), "{}", tired.stderr);
    assert_eq!(sandbox.opened().len(), 3);
    sandbox.login("demo").succeeds();
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    with_person(&sandbox, &object, Decision::Approve).succeeds();
    assert_eq!(sandbox.opened().len(), 5, "a typed login ends the count");
}

#[test]
fn the_login_before_is_one_of_the_three_that_a_server_may_cause_rule_14() {
    let server = reading();
    let sandbox = Sandbox::with(&server);
    let first = sandbox.person(&["get", "demo", "--interactive", "always"], Decision::Approve);
    assert_eq!(first.succeeds().text("source"), "login");
    server.reconfigure(|settings| settings.granted_scope = Some("mcp:read".to_owned()));
    for _ in 0..2 {
        let object = refused(&server, &sandbox.generation(), 403, MORE);
        with_person(&sandbox, &object, Decision::Approve).succeeds();
    }
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    with_person(&sandbox, &object, Decision::Approve).fails("insufficient_scope", 6);
    assert_eq!(sandbox.opened().len(), 3);
}

#[test]
fn a_person_who_says_no_is_not_asked_again_for_ten_minutes() {
    let server = reading();
    server.reconfigure(|settings| settings.consent = Consent::Form);
    let sandbox = Sandbox::logged_in(&server);
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    with_person(&sandbox, &object, Decision::Deny).ends("denied", 6);
    let quiet = with_person(&sandbox, &object, Decision::Approve).fails("insufficient_scope", 6);
    assert!(quiet.stderr.contains("10 more minutes"), "{}", quiet.stderr);
    assert_eq!(quiet.json()["error"]["scopes"], json!(["mcp:write", "mcp:read"]));
    assert_eq!(sandbox.opened().len(), 1);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache", "the token is still there");
}

#[test]
fn a_server_that_does_not_say_which_scopes_gets_those_of_its_metadata() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let object = json!({"server": "demo",
        "response": {"status": 403, "www_authenticate": challenge(&server, "error=insufficient_scope")}});
    let error = ask(&sandbox, &["refresh"], &object).fails("insufficient_scope", 6).json()["error"].take();
    assert_eq!((error.get("scopes"), &error["login"]), (None, &json!(["mcp-credential", "login", "demo"])));
    server.reconfigure(|settings| {
        settings.scopes_supported = vec!["mcp:read".to_owned(), "mcp:all".to_owned()];
    });
    let answer = with_person(&sandbox, &object, Decision::Approve).succeeds();
    assert_eq!(answer.json()["scopes"], json!(["mcp:read", "mcp:all"]));
}

/// A client that logs in as itself, with a `scope` in its configuration or without one.
fn bot(scope: Option<&str>) -> (OAuthServer, Sandbox) {
    let clients = vec![Client::confidential("bot", "s3cret-of-the-bot")];
    let server = serve(Settings { clients, ..Settings::default() });
    let mut oauth2 =
        json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret-of-the-bot"});
    if let Some(scope) = scope {
        oauth2["scope"] = json!(scope);
    }
    let sandbox = Sandbox::configured(&server, &oauth2);
    (server, sandbox)
}

#[test]
fn a_configured_scope_is_not_widened_without_a_person_whoever_demands_it_rule_14() {
    const HOSTILE: &str = r#"error="insufficient_scope", scope="admin delete:all""#;
    let (server, sandbox) = bot(Some("mcp:read"));
    let first = json!({"server": "demo", "response": {"status": 403, "www_authenticate": challenge(&server, HOSTILE)}});
    let advice = format!("mcp-credential add demo {} --scope 'mcp:read admin delete:all'", server.mcp_url());
    let told = |object: &Value| {
        for verb in ["get", "refresh"] {
            let error = ask(&sandbox, &[verb], object).fails("insufficient_scope", 6);
            assert!(error.stderr.contains(&advice), "{}", error.stderr);
            let error = error.json()["error"].take();
            assert_eq!((&error["scopes"], error.get("login")), (&json!(["admin", "delete:all"]), None));
        }
    };
    told(&first);
    assert_eq!(server.token_requests().len(), 0, "nothing is stored, and nothing is asked for");
    sandbox.run(&["get", "demo"]).succeeds();
    told(&refused(&server, &sandbox.generation(), 403, HOSTILE));
    assert_eq!((server.token_requests().len(), sandbox.opened().len()), (1, 0));
    sandbox.refresh().succeeds();
    assert_eq!(server.token_requests()[1].form_value("scope"), Some("mcp:read"));
}

#[test]
fn a_scope_that_was_set_afterwards_is_what_the_next_grant_asks_for() {
    let (server, sandbox) = bot(Some("mcp:read"));
    sandbox.run(&["get", "demo"]).succeeds();
    let object = refused(&server, &sandbox.generation(), 403, MORE);
    ask(&sandbox, &["refresh"], &object).fails("insufficient_scope", 6);
    sandbox.run(&["add", "demo", &server.mcp_url(), "--scope", "mcp:read mcp:write"]).succeeds();
    let granted = ask(&sandbox, &["refresh"], &object).succeeds();
    assert_eq!(granted.json()["scopes"], json!(["mcp:read", "mcp:write"]));
    sandbox.run(&["add", "demo", &server.mcp_url(), "--scope", "mcp:read"]).succeeds();
    assert_eq!(sandbox.refresh().succeeds().json()["scopes"], json!(["mcp:read"]), "and less again");
    assert_eq!(server.token_requests().len(), 3);
}

#[test]
fn words_that_cannot_be_shown_are_in_no_command() {
    let (server, sandbox) = bot(Some("mcp:read"));
    sandbox.run(&["get", "demo"]).succeeds();
    let long = format!("error=insufficient_scope, scope=\"{}\"", "a".repeat(300));
    let object = refused(&server, &sandbox.generation(), 403, &long);
    let error = ask(&sandbox, &["refresh"], &object).fails("insufficient_scope", 6);
    assert!(error.stderr.contains("set `scope`") && !error.stderr.contains("add demo"), "{}", error.stderr);
}

#[test]
fn a_flood_of_scopes_is_cut_to_what_a_command_and_a_line_can_hold() {
    let server = reading();
    let sandbox = Sandbox::logged_in(&server);
    let many: Vec<String> = (0..5000).map(|count| format!("scope:{count}")).collect();
    let flood = format!("error=\"insufficient_scope\", scope=\"{} {}\"", many.join(" "), "x".repeat(5000));
    let object = refused(&server, &sandbox.generation(), 403, &flood);
    let refused = ask(&sandbox, &["refresh"], &object).fails("insufficient_scope", 6);
    assert!(refused.stderr.len() < 1000, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("scope:0 scope:1 ") && refused.stderr.contains('…'),
        "{}",
        refused.stderr
    );
    assert!(refused.stdout.len() < 10_000, "{}", refused.stdout);
    let state = std::fs::read(sandbox.state("oauth/demo.token.json.state")).unwrap();
    assert!(state.len() < 10_000, "{} bytes of state", state.len());
    let error = refused.json()["error"].take();
    assert_eq!(error["scopes"], json!(many[..100]));
    let command: Vec<&str> =
        error["login"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    server.reconfigure(|settings| settings.consent = Consent::Deny);
    sandbox.person(&command[1..], Decision::Approve).ends("denied", 6);
    assert_eq!(asked(&sandbox), format!("mcp:read {}", many[..100].join(" ")), "the command works as it is");
}

#[test]
fn client_credentials_try_all_scopes_once_and_then_fail_without_a_request_rule_14() {
    let (server, sandbox) = bot(None);
    server.reconfigure(|settings| settings.scopes_supported = vec!["mcp:read".to_owned()]);
    sandbox.run(&["get", "demo"]).succeeds();
    server.reconfigure(|settings| settings.scopes_supported.clear());
    let granted = ask(&sandbox, &["refresh"], &refused(&server, &sandbox.generation(), 403, MORE)).succeeds();
    assert_eq!((granted.text("source").as_str(), server.token_requests().len()), ("granted", 2));
    assert_eq!(granted.json()["scopes"], json!(["mcp:read", "mcp:write"]));
    assert_eq!(server.token_requests()[1].form_value("scope"), Some("mcp:read mcp:write"));
    let again = refused(&server, &sandbox.generation(), 403, MORE);
    let error = ask(&sandbox, &["refresh"], &again).fails("insufficient_scope", 6);
    assert_eq!(error.json()["error"].get("login"), None, "no login helps");
    assert_eq!(server.token_requests().len(), 2);
    sandbox.refresh().succeeds();
    assert_eq!(sandbox.clear()["scopes"], json!(["mcp:read", "mcp:write"]), "a new grant keeps them");
}

#[test]
fn what_one_caller_was_refused_for_its_challenge_is_no_answer_for_others() {
    let (server, sandbox) = bot(None);
    server.reconfigure(|settings| settings.scopes_supported = vec!["mcp:read".to_owned()]);
    sandbox.run(&["get", "demo"]).succeeds();
    let unknown = r#"error="insufficient_scope", scope="of-nobody""#;
    let object = refused(&server, &sandbox.generation(), 403, unknown);
    ask(&sandbox, &["refresh"], &object).fails("denied", 6);
    sandbox.refresh().succeeds();
}

#[test]
fn a_scope_that_is_none_cannot_be_typed() {
    let server = reading();
    let sandbox = Sandbox::with(&server);
    for scope in ["", " ", "a\"b", "a\\b", "\u{e9}"] {
        sandbox.run(&["login", "demo", "--scope", scope]).ends("usage", 2);
    }
    sandbox.person(&["login", "demo", "--scope", "-x"], Decision::Approve).succeeds();
    assert_eq!(asked(&sandbox), "mcp:read -x", "with what a login asks for by itself");
}
