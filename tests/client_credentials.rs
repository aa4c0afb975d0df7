//! Servers that a program logs in to: a configuration of the environment alone, no person, no storm.

mod support;

use oauthserver::{AuthMethod, Client, Logged, OAuthServer, Patch, Settings};
use serde_json::json;
use std::fs;
use std::time::Duration;
use support::{Sandbox, serve, wait_until, wait_until_stale};

const SECRET: &str = "s3cret-of-the-bot+%/=";

/// A server that knows the client `bot`, and lets nobody register.
fn server(settings: Settings) -> OAuthServer {
    let mut settings = Settings { clients: vec![Client::confidential("bot", SECRET)], ..settings };
    settings.registration.enabled = false;
    serve(settings)
}

/// An environment that is a whole configuration for `server`.
fn environment(server: &OAuthServer) -> Sandbox {
    Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_GRANT", "client_credentials")
        .variable("OAUTH2_CLIENT_ID", "bot")
        .variable("OAUTH2_CLIENT_SECRET", SECRET)
}

fn renew(sandbox: &Sandbox) -> support::Ran {
    let held = sandbox.run(&["get", "bot"]).succeeds().text("generation");
    sandbox.run(&["refresh", "bot", "--rejected-generation", &held])
}

#[test]
fn the_environment_alone_is_a_whole_configuration() {
    let server = server(Settings::default());
    let sandbox = environment(&server);
    let first = sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!((first.text("source").as_str(), first.stderr.as_str()), ("granted", ""));
    assert!(server.mcp_accepts(&first.text("access_token")));
    let second = sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!(second.text("source"), "cache");
    assert_eq!(second.text("access_token"), first.text("access_token"));
    assert_eq!(server.token_requests().len(), 1);
    assert!(!sandbox.state("config.json").exists(), "and none is written");
    assert_eq!(sandbox.files(), ["bot.token.json", "bot.token.json.issuers", "bot.token.json.lock"]);
}

#[test]
fn a_secret_that_the_environment_leaves_empty_is_named_by_its_variable() {
    let server = server(Settings::default());
    let ran = environment(&server).variable("OAUTH2_CLIENT_SECRET", "").run(&["get", "ci"]);
    let ran = ran.ends("invalid_client", 6);
    assert!(ran.stderr.contains("`OAUTH2_CLIENT_SECRET`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("in the configuration"), "there is none: {}", ran.stderr);
}

#[test]
fn the_secret_goes_where_the_style_says_and_nowhere_else() {
    for (style, method) in [("header", AuthMethod::Basic), ("body", AuthMethod::Post)] {
        let server = server(Settings::default());
        server.reconfigure(|settings| settings.clients[0].auth_methods = vec![method]);
        let sandbox = environment(&server).variable("OAUTH2_AUTH_STYLE", style);
        renew(&sandbox).succeeds();
        let in_header = method == AuthMethod::Basic;
        for request in server.token_requests() {
            assert_eq!(request.header("authorization").is_some(), in_header, "{request:?}");
            assert_eq!(request.form_value("client_secret").is_some(), !in_header, "{request:?}");
        }
    }
}

#[test]
fn scope_audience_and_extra_parameters_reach_the_server_each_time() {
    let server = server(Settings { audience: Some("urn:api".to_owned()), ..Settings::default() });
    let sandbox = environment(&server)
        .variable("OAUTH2_SCOPE", "mcp:read  mcp:write")
        .variable("OAUTH2_AUDIENCE", "urn:api")
        .variable("OAUTH2_EXTRA_PARAMS", r#"{"tenant":"blue green","region":"eu"}"#);
    let answer = renew(&sandbox).succeeds();
    assert_eq!(answer.json()["scopes"], json!(["mcp:read", "mcp:write"]));
    let resource = server.resource();
    for request in server.token_requests() {
        let sent = |name| request.form_value(name);
        assert_eq!(sent("grant_type"), Some("client_credentials"));
        assert_eq!((sent("scope"), sent("audience")), (Some("mcp:read mcp:write"), Some("urn:api")));
        assert_eq!((sent("tenant"), sent("region")), (Some("blue green"), Some("eu")));
        assert_eq!(sent("resource"), Some(resource.as_str()));
    }
    assert_eq!(server.token_requests().len(), 2);
}

#[test]
fn a_stale_token_is_granted_anew_without_a_person() {
    let server = server(Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() });
    let sandbox = environment(&server);
    let first = sandbox.run(&["get", "bot"]).succeeds();
    wait_until_stale(&first.json());
    let second = sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!(second.text("source"), "granted");
    assert_ne!(second.text("access_token"), first.text("access_token"));
    assert_eq!((server.token_requests().len(), server.refreshes().len()), (2, 0));
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_token_of_another_client_is_forgotten_by_erase_since_no_login_helps() {
    let server = server(Settings::default());
    let sandbox = environment(&server);
    sandbox.run(&["get", "bot"]).succeeds();
    server.reconfigure(|settings| settings.clients.push(Client::confidential("other", SECRET)));
    let sandbox = sandbox.variable("OAUTH2_CLIENT_ID", "other");
    let refused = sandbox.run(&["get", "bot"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains("`mcp-credential erase bot`"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("mcp-credential login"), "{}", refused.stderr);
    sandbox.run(&["erase", "bot"]).succeeds();
    assert_eq!(sandbox.run(&["get", "bot"]).succeeds().text("source"), "granted");
}

#[test]
fn a_token_that_the_next_get_grants_anew_is_shown_as_stale_and_no_login_is_spoken_of() {
    let server = server(Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() });
    let sandbox = environment(&server);
    sandbox.write_config(&json!({"servers": {"bot": {
        "url": server.mcp_url(),
        "oauth2": {"grant": "client_credentials", "clientId": "bot", "clientSecretEnv": "OAUTH2_CLIENT_SECRET"},
    }}}));
    assert!(sandbox.run(&["list"]).succeeds().stdout.starts_with("bot  no token yet  "));
    let first = sandbox.run(&["get", "bot"]).succeeds();
    wait_until(first.json()["expires_at"].as_u64().unwrap());
    for verb in ["list", "status"] {
        let listed = sandbox.run(&[verb, "--format", "json"]).succeeds().json();
        assert_eq!(listed[0]["state"], json!("stale"), "{verb}");
        assert!(sandbox.run(&[verb]).succeeds().stdout.contains("will be renewed"), "{verb}");
    }
    fs::remove_file(sandbox.state("config.json")).unwrap();
    let listed = sandbox.run(&["list", "--format", "json"]).succeeds().json();
    assert_eq!((&listed[0]["state"], &listed[0]["configured"]), (&json!("stale"), &json!(true)));
    let listed = sandbox.without_variables().run(&["list", "--format", "json"]).succeeds().json();
    assert_eq!(listed[0]["state"], json!("expired"), "nobody knows the client any more");
}

#[test]
fn a_failure_is_not_shared_with_a_caller_who_has_put_the_configuration_right() {
    let server = server(Settings::default());
    let sandbox = Sandbox::new();
    let secret = sandbox.home().join("secret");
    fs::write(&secret, "wrong").unwrap();
    let file = secret.to_str().unwrap();
    let url = server.mcp_url();
    let add =
        ["add", "bot", &url, "--grant", "client_credentials", "--client-secret-file", file, "--client-id"];
    let refused = || {
        for _ in 0..2 {
            sandbox.run(&["get", "bot"]).fails("invalid_client", 6);
        }
    };
    sandbox.run(&[&add[..], &["nobody"]].concat()).succeeds();
    refused();
    let added = sandbox.run(&[&add[..7], &["--client-id", "bot"]].concat()).succeeds();
    assert!(added.stderr.contains("next: mcp-credential get bot"), "{added:?}");
    refused();
    fs::write(&secret, SECRET).unwrap();
    sandbox.run(&["get", "bot"]).succeeds();
    // Where five seconds pass between two calls, the second one asks anew, with the same credentials.
    let requests = server.token_requests();
    let sent = |request: &Logged| {
        ["client_id", "client_secret"].map(|name| request.form_value(name).map(str::to_owned))
    };
    let mut credentials: Vec<_> = requests.iter().map(sent).collect();
    credentials.dedup();
    assert_eq!(credentials.len(), 3, "each configuration was tried");
}

#[test]
fn whoever_adds_a_server_again_is_not_told_what_failed_before() {
    let server = server(Settings::default());
    let url = server.mcp_url();
    let add = ["add", "bot", &url, "--grant", "client_credentials", "--client-id", "bot"];
    let add = [&add[..], &["--client-secret-env", "BOT_SECRET"]].concat();
    let sandbox = Sandbox::new().variable("BOT_SECRET", "wrong");
    sandbox.run(&add).succeeds();
    let refused = sandbox.run(&["get", "bot"]).fails("invalid_client", 6);
    assert!(refused.stderr.contains("the variable `BOT_SECRET`"), "{}", refused.stderr);
    let sandbox = sandbox.without_variables().variable("BOT_SECRET", SECRET);
    sandbox.run(&add).succeeds();
    sandbox.run(&["get", "bot"]).succeeds();
}

#[test]
fn case_52_a_refresh_token_in_the_answer_is_ignored() {
    let patch = Patch::new().set("refresh_token", "rt_that_nobody_asked_for");
    let server = server(Settings { token_answer: patch, ..Settings::default() });
    let sandbox = environment(&server);
    assert_eq!(renew(&sandbox).succeeds().text("source"), "granted");
    assert_eq!((server.token_requests().len(), server.refreshes().len()), (2, 0));
    let status = sandbox.run(&["status", "bot", "--format", "json"]).succeeds().json();
    assert_eq!(status["token"]["can_refresh"], json!(false));
}

#[test]
fn case_52_a_wrong_secret_is_told_once_for_all_callers_of_the_moment() {
    let server = server(Settings::default());
    let sandbox = environment(&server).variable("OAUTH2_CLIENT_SECRET", "another-secret");
    for ran in sandbox.crowd(20, &["get", "bot", "--timeout", "60"]) {
        let refused = ran.fails("invalid_client", 6);
        assert_eq!(refused.json()["error"]["retryable"], json!(false));
        assert!(refused.stderr.contains("`clientSecret`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("the variable `OAUTH2_CLIENT_SECRET`"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("another-secret") && !refused.stdout.contains("another-secret"));
    }
    // One for each five seconds that the crowd took.
    assert!((1..=4).contains(&server.token_requests().len()), "{}", server.token_requests().len());
}

#[test]
fn a_secret_that_is_no_longer_accepted_leaves_the_living_token_alone() {
    let server = server(Settings::default());
    let sandbox = environment(&server);
    let first = sandbox.run(&["get", "bot"]).succeeds();
    server.reconfigure(|settings| settings.clients[0].secret = Some("rotated".to_owned()));
    renew(&sandbox).fails("invalid_client", 6);
    let still = sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!(still.text("generation"), first.text("generation"));
}

#[test]
fn an_explicit_token_endpoint_needs_no_discovery() {
    let server = server(Settings { documents: Vec::new(), ..Settings::default() });
    for discovery in ["true", "no"] {
        let sandbox = environment(&server)
            .variable("OAUTH2_TOKEN_URL", &server.token_endpoint())
            .variable("DISCOVERY_ENABLED", discovery);
        sandbox.run(&["get", "bot"]).succeeds();
    }
    let requests = server.requests();
    let paths: Vec<&str> = requests.iter().map(|request: &Logged| request.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/token"]);
}

#[test]
fn the_name_is_bound_by_its_first_record_and_works_from_it_alone() {
    let (first, second) = (server(Settings::default()), server(Settings::default()));
    let sandbox = environment(&first);
    sandbox.run(&["get", "bot"]).succeeds();
    let moved = sandbox.variable("UPSTREAM_URL", &second.mcp_url());
    let refused = moved.run(&["get", "bot"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains(&first.mcp_url()) && refused.stderr.contains(&second.mcp_url()));
    assert_eq!(second.requests().len(), 0);
    let bare = moved.without_variables();
    assert_eq!(bare.run(&["get", "bot"]).succeeds().text("source"), "cache");
    let refused = renew(&bare).fails("config_invalid", 2);
    assert!(refused.stderr.contains("OAUTH2_CLIENT_SECRET"), "{}", refused.stderr);
    let listed = bare.run(&["list", "--format", "json"]).succeeds().json();
    assert_eq!((&listed[0]["name"], &listed[0]["configured"]), (&json!("bot"), &json!(false)));
    bare.run(&["erase", "bot"]).succeeds();
    bare.run(&["get", "bot"]).fails("not_found", 3);
    let unnamed = bare.variable("OAUTH2_GRANT", "client_credentials");
    let refused = unnamed.run(&["get", "bot"]).fails("not_found", 3);
    assert!(
        refused.stderr.contains("`OAUTH2_GRANT` is set, but `UPSTREAM_URL` is not"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_missing_is_named_by_key_and_variable() {
    let server = server(Settings::default());
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_GRANT", "client_credentials");
    let refused = sandbox.run(&["get", "bot"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("oauth2.clientId") && refused.stderr.contains("`OAUTH2_CLIENT_ID`"));
    let sandbox = sandbox.variable("OAUTH2_CLIENT_ID", "bot").variable("OAUTH2_AUTH_STYLE", "body");
    let refused = sandbox.run(&["get", "bot"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("OAUTH2_CLIENT_SECRET"), "{}", refused.stderr);
    assert_eq!(server.token_requests().len(), 0);
}
