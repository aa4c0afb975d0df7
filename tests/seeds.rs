//! Seeds: a refresh token or a code from elsewhere begins a login without a person, once.

mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauthserver::{Client, Endpoint, Fault, OAuthServer, Rotation, Settings, Times, browser};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use support::process::{kill, wait_until_held};
use support::{PATIENCE, Ran, Sandbox, serve, wait_for};

const BACK: &str = "http://127.0.0.1:1/callback";
const VERIFIER: &str = "0123456789-0123456789.0123456789_0123456789~";

/// A server that knows the public client `app`.
fn server() -> OAuthServer {
    serve(settings())
}

fn settings() -> Settings {
    Settings { clients: vec![Client::public("app").redirect_uri(BACK)], ..Settings::default() }
}

/// A HOME in which `demo` begins with these seeds.
fn seeded(server: &OAuthServer, seeds: &Value) -> Sandbox {
    let mut oauth2 = json!({"clientId": "app", "redirectUri": BACK});
    for (key, value) in seeds.as_object().unwrap() {
        oauth2[key] = value.clone();
    }
    Sandbox::configured(server, &oauth2)
}

fn refresh_token(server: &OAuthServer) -> String {
    server.issue_refresh_family("app", "").refresh_token
}

fn with_refresh_token(server: &OAuthServer) -> Sandbox {
    seeded(server, &json!({"refreshToken": refresh_token(server)}))
}

/// An authorization code for `app`, obtained by somebody else.
fn code(server: &OAuthServer) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let query = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", BACK),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("resource", &server.resource()),
    ];
    let url = url::Url::parse_with_params(&server.authorization_endpoint(), query).unwrap();
    let answer = browser::get(url.as_str()).unwrap();
    let back = url::Url::parse(answer.header("location").unwrap()).unwrap();
    back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

#[track_caller]
fn spent(ran: Ran) -> String {
    let ran = ran.fails("interaction_required", 4);
    assert!(ran.stderr.contains("put a new one there"), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_refresh_token_from_elsewhere_begins_a_login_without_a_person() {
    let server = server();
    let seed = refresh_token(&server);
    let sandbox = seeded(&server, &json!({"refreshToken": seed}));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "granted");
    assert!(server.mcp_accepts(&answer.text("access_token")));
    let sent = server.refreshes();
    assert_eq!((sent.len(), sent[0].form_value("refresh_token")), (1, Some(seed.as_str())));
    assert_eq!(sent[0].form_value("resource"), Some(server.resource().as_str()));
    assert_eq!(sent[0].form_value("scope"), None);
    assert!(sandbox.opened().is_empty());
    // From here on the rotated token is the one that counts.
    sandbox.refresh().succeeds();
    assert_ne!(server.refreshes()[1].form_value("refresh_token"), Some(seed.as_str()));
    assert!(!server.family_revoked());
}

#[test]
fn the_environment_alone_is_enough() {
    let server = server();
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_CLIENT_ID", "app")
        .variable("OAUTH2_REFRESH_TOKEN", &refresh_token(&server));
    assert_eq!(sandbox.run(&["get", "ci"]).succeeds().text("source"), "granted");
    assert_eq!(sandbox.run(&["get", "ci"]).succeeds().text("source"), "cache");
}

#[test]
fn a_refresh_token_that_the_answer_does_not_replace_goes_on_being_used() {
    let server = serve(Settings { rotation: Rotation::Omit, ..settings() });
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(sandbox.clear()["can_refresh"], json!(true));
    assert_eq!(sandbox.refresh().succeeds().text("source"), "refreshed");
}

#[test]
fn a_code_from_elsewhere_is_exchanged_with_its_verifier_and_redirect_uri() {
    let server = server();
    let code = code(&server);
    let sandbox = seeded(&server, &json!({"authorizationCode": code, "codeVerifier": VERIFIER}));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "granted");
    let sent = &server.token_requests()[0];
    let values = ["grant_type", "code", "code_verifier", "redirect_uri"].map(|name| sent.form_value(name));
    assert_eq!(values, [Some("authorization_code"), Some(&code), Some(VERIFIER), Some(BACK)]);
    fs::remove_file(sandbox.record()).unwrap();
    assert!(spent(sandbox.run(&["get", "demo"])).contains("`authorizationCode`"));
    assert_eq!(server.token_requests().len(), 1, "a code is sent once");
}

#[test]
fn twenty_processes_with_one_seed_make_exactly_one_request() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    let answers = sandbox.crowd(20, &["get", "demo", "--timeout", "60"]);
    let tokens: Vec<String> = answers.into_iter().map(|ran| ran.succeeds().text("access_token")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(server.refreshes().len(), 1);
    assert!(!server.family_revoked() && server.mcp_accepts(&tokens[0]));
}

#[test]
fn a_seed_that_was_used_is_not_sent_again_whatever_is_lost() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    fs::remove_file(sandbox.record()).unwrap();
    sandbox.forget_state();
    for _ in 0..3 {
        let said = spent(sandbox.run(&["get", "demo"]));
        assert!(said.contains("`refreshToken`, `OAUTH2_REFRESH_TOKEN`) was used already"), "{said}");
    }
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn an_erased_login_does_not_come_back_from_its_seed() {
    for verb in [&["erase", "demo"][..], &["erase", "demo", "--scope", "all"], &["logout", "demo"]] {
        // Rotation is off: the server would accept the seed again.
        let server = serve(Settings { rotation: Rotation::Omit, revocation: false, ..settings() });
        let sandbox = with_refresh_token(&server);
        sandbox.run(&["get", "demo"]).succeeds();
        sandbox.run(verb).succeeds();
        spent(sandbox.run(&["get", "demo"]));
        assert_eq!(server.refreshes().len(), 1, "{verb:?}");
    }
}

#[test]
fn erasing_spends_a_seed_that_was_never_sent() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
    assert!(!sandbox.state("oauth").exists(), "that takes no login away");
    sandbox.run(&["erase", "demo"]).succeeds();
    spent(sandbox.run(&["get", "demo"]));
    assert_eq!(server.refreshes().len(), 0);
}

#[test]
fn a_new_seed_takes_the_place_of_a_spent_one_and_of_a_login_that_has_ended() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    server.revoke_families();
    server.expire_access_tokens();
    sandbox.refresh().fails("interaction_required", 4);
    sandbox.forget_state();
    let oauth2 = json!({"clientId": "app", "refreshToken": refresh_token(&server)});
    let demo = json!({"url": server.mcp_url(), "oauth2": oauth2});
    sandbox.write_config(&json!({"servers": {"demo": demo}}));
    let answer = sandbox.refresh().succeeds();
    assert_eq!(answer.text("source"), "granted");
    assert!(server.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn a_seed_does_not_follow_its_server_to_another_issuer_case_13() {
    let (server, other) = (server(), support::server(3600));
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    server.revoke_families();
    sandbox.refresh().fails("interaction_required", 4);
    sandbox.forget_state();
    let (resource, issuer) = (server.mcp_url(), other.issuer());
    other.reconfigure(|settings| settings.resource = Some(resource));
    server.reconfigure(|settings| settings.authorization_servers = Some(vec![issuer]));
    let seed = refresh_token(&server);
    let demo = |oauth2: Value| json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}});
    sandbox.write_config(&demo(json!({"clientId": "app", "refreshToken": seed})));
    // The record of the ended login says it alone.
    std::fs::remove_file(sandbox.state("oauth/demo.token.json.issuers")).unwrap();
    let refused = sandbox.refresh().fails("untrusted_server", 5);
    assert!(
        refused.stderr.contains(&server.issuer()) && refused.stderr.contains(&other.issuer()),
        "{refused:?}"
    );
    assert_eq!(other.token_requests().len(), 0);
    // It was not spent, and goes where it belongs.
    sandbox.forget_state();
    server.reconfigure(|settings| settings.authorization_servers = None);
    assert_eq!(sandbox.refresh().succeeds().text("source"), "granted");
}

#[test]
fn a_seed_whose_success_had_to_be_refused_may_be_spent() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    let unusable = Fault::body(200, "application/json", r#"{"access_token":"x","token_type":"mac"}"#);
    server.fault(Endpoint::Refresh, unusable.after_commit(), Times::Next(1));
    sandbox.run(&["get", "demo"]).fails("untrusted_server", 5);
    sandbox.forget_state();
    let said = spent(sandbox.run(&["get", "demo"]));
    assert!(said.contains("was sent before"), "{said}");
}

#[test]
fn erasing_one_token_leaves_the_seed_of_the_next_login_alone() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["erase", "demo", "--if-generation", "older"]).succeeds();
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "granted");
    sandbox.run(&["erase", "demo", "--if-generation", &sandbox.generation()]).succeeds();
    spent(sandbox.run(&["get", "demo"]));
}

#[test]
fn a_stored_login_is_used_and_its_seed_is_left_alone() {
    let server = server();
    let minted = server.issue_refresh_family("app", "");
    let first = with_refresh_token(&server);
    first.run(&["get", "demo"]).succeeds();
    let oauth2 = json!({"clientId": "app", "refreshToken": minted.refresh_token});
    first.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
    first.run(&["get", "demo"]).succeeds();
    first.refresh().succeeds();
    assert!(
        server.refreshes().iter().all(|sent| sent.form_value("refresh_token") != Some(&minted.refresh_token))
    );
}

#[test]
fn a_seed_that_the_server_refuses_is_told_truthfully_and_asked_about_once() {
    let server = server();
    let sandbox = seeded(&server, &json!({"refreshToken": "never-issued"}));
    let said = spent(sandbox.run(&["get", "demo"]));
    assert!(said.contains("no longer accepts the refresh token (invalid_grant"), "{said}");
    let again = sandbox.crowd(10, &["get", "demo"]).into_iter().map(spent).collect::<Vec<_>>();
    assert!(again.iter().all(|text| text.contains("no longer accepts")), "{again:?}");
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn a_fault_that_spends_nothing_leaves_the_seed_good_and_is_shared() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    server.fault(Endpoint::Token, Fault::too_many_requests(60), Times::Always);
    for ran in sandbox.crowd(8, &["get", "demo"]) {
        ran.fails("rate_limited", 75);
    }
    assert_eq!(server.refreshes().len(), 1, "what the server asks for is longer than a try may wait");
    server.clear_faults();
    sandbox.forget_state();
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn nothing_is_sent_before_it_is_written_down_that_it_will_be() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    // A directory in the place of the file stands for a store that takes no such file.
    sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
    fs::create_dir_all(sandbox.state("oauth/demo.token.json.seeds")).unwrap();
    for folder in ["", "oauth"] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(sandbox.state(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
    sandbox.run(&["get", "demo"]).fails("insecure_storage", 5);
    assert_eq!(server.token_requests().len(), 0);
}

#[test]
fn a_list_of_spent_seeds_that_cannot_be_read_lets_nothing_be_sent() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    fs::remove_file(sandbox.record()).unwrap();
    let list = sandbox.state("oauth/demo.token.json.seeds");
    fs::write(&list, "junk").unwrap();
    let damaged = sandbox.run(&["get", "demo"]).fails("cache_damaged", 5);
    assert!(damaged.stderr.contains("erase demo --scope all"), "{}", damaged.stderr);
    assert_eq!(fs::read_to_string(&list).unwrap(), "junk", "it is left in place");
    sandbox.run(&["erase", "demo"]).fails("cache_damaged", 5);
    sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    spent(sandbox.run(&["get", "demo"]));
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn a_process_killed_between_request_and_save_leads_to_one_more_try_and_the_truth() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let caller = sandbox.start_group(&["get", "demo", "--timeout", "60"]);
    wait_until_held(&server);
    kill(sandbox.worker());
    server.release();
    // The caller finds its worker gone and tries once more itself.
    let ran = caller.end();
    let said = spent(Ran { stderr: ran.stderr.lines().last().unwrap_or_default().to_owned() + "\n", ..ran });
    assert!(said.contains("interrupted before its answer could be saved"), "{said}");
    spent(sandbox.run(&["get", "demo"]));
    assert_eq!(server.refreshes().len(), 2);
}

#[test]
fn a_caller_that_is_killed_loses_nothing() {
    let server = server();
    let sandbox = with_refresh_token(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let caller = sandbox.start_group(&["get", "demo", "--timeout", "60"]);
    wait_until_held(&server);
    caller.kill(rustix::process::Signal::KILL);
    server.release();
    wait_for("the record", || sandbox.record().exists().then_some(()));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn no_file_holds_a_seed_or_tells_which_one_it_was() {
    let server = server();
    let seed = refresh_token(&server);
    let sandbox = seeded(&server, &json!({"refreshToken": seed}));
    let said = sandbox.run(&["get", "demo", "--log", "trace"]).succeeds();
    assert!(!said.stderr.contains(&seed));
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&seed));
    for name in sandbox.files() {
        let content = fs::read(sandbox.state("oauth").join(name)).unwrap();
        let content = String::from_utf8_lossy(&content);
        assert!(!content.contains(&seed) && !content.contains(&digest));
    }
    assert!(server.wait_for(|log| log.refreshes().len() == 1, PATIENCE));
}

/// A HOME in which `demo` and `twin` begin with the same refresh token; the records of `twin` lie in a place of
/// their own where one is given.
fn two_names(server: &OAuthServer, apart: Option<&str>) -> Sandbox {
    let sandbox = Sandbox::new();
    let demo = json!({"clientId": "app", "refreshToken": refresh_token(server)});
    let mut twin = demo.clone();
    if let Some(apart) = apart {
        twin["tokenCacheDir"] = json!(sandbox.home().join(apart));
    }
    let entry = |oauth2: Value| json!({"url": server.mcp_url(), "oauth2": oauth2});
    sandbox.write_config(&json!({"servers": {"demo": entry(demo), "twin": entry(twin)}}));
    sandbox
}

#[test]
fn one_seed_under_two_names_is_sent_for_the_first_one_alone() {
    for apart in [None, Some("apart")] {
        let server = server();
        let sandbox = two_names(&server, apart);
        sandbox.run(&["get", "demo"]).succeeds();
        let said = spent(sandbox.run(&["get", "twin"]));
        assert!(said.contains("under the name `demo`"), "{said}");
        assert_eq!(server.refreshes().len(), 1);
        sandbox.refresh().succeeds();
        assert!(!server.family_revoked());
        // The login of the first name goes: its seed does not begin another one.
        sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
        spent(sandbox.run(&["get", "twin"]));
        let seed = refresh_token(&server);
        let anew = sandbox.variable("OAUTH2_REFRESH_TOKEN", &seed);
        assert_eq!(anew.run(&["get", "twin"]).succeeds().text("source"), "granted");
        assert!(spent(anew.run(&["get", "demo"])).contains("under the name `twin`"));
        assert!(!server.family_revoked());
    }
}

#[test]
fn two_names_with_one_seed_at_the_same_moment_make_one_request() {
    let server = server();
    let sandbox = two_names(&server, Some("apart"));
    let start = |name: &str| sandbox.start(&["get", name, "--timeout", "60"]);
    let children: Vec<_> = ["demo", "twin"].into_iter().cycle().take(16).map(start).collect();
    let (good, bad): (Vec<_>, Vec<_>) =
        children.into_iter().map(support::end).partition(|ran| ran.status == 0);
    assert_eq!((good.len(), bad.len()), (8, 8), "one of the names has it");
    for ran in bad {
        spent(ran);
    }
    assert_eq!(server.refreshes().len(), 1);
    assert!(!server.family_revoked() && server.mcp_accepts(&good[0].text("access_token")));
}

#[test]
fn a_mistyped_name_does_not_send_the_seed_of_the_environment_again() {
    let server = server();
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_CLIENT_ID", "app")
        .variable("OAUTH2_REFRESH_TOKEN", &refresh_token(&server));
    sandbox.run(&["get", "demo"]).succeeds();
    assert!(spent(sandbox.run(&["get", "dmeo"])).contains("under the name `demo`"));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    assert_eq!(server.refreshes().len(), 1);
}
