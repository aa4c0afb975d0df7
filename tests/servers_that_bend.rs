//! Servers of the field that bend the rules without breaking them: each is met by rule, without any setting.

mod support;

use oauthserver::{
    AuthMethod, Document, Endpoint, Fault, RefreshTokens, Reuse, Settings, Times, TokenFormat,
};
use support::{Sandbox, expired_at, serve, wait_until};

/// A login, a token that works, a refresh, and a token that works again.
#[track_caller]
fn works(settings: Settings) -> oauthserver::OAuthServer {
    let server = serve(settings);
    let sandbox = Sandbox::logged_in(&server);
    for answer in [sandbox.run(&["get", "demo"]), sandbox.refresh()] {
        assert!(server.mcp_accepts(&answer.succeeds().text("access_token")));
    }
    server
}

#[test]
fn an_issuer_that_ends_in_a_slash_is_compared_as_it_is_and_its_well_known_place_has_no_doubled_one() {
    for issuer_path in ["/", "/tenant/"] {
        let server = works(Settings { issuer_path: issuer_path.to_owned(), ..Settings::default() });
        assert!(server.issuer().ends_with('/'));
        assert!(server.requests().iter().all(|request| !request.path.contains("//")), "{issuer_path}");
    }
}

#[test]
fn a_public_client_logs_in_where_none_is_not_among_the_advertised_methods() {
    let mut settings =
        Settings { auth_methods: vec![AuthMethod::Basic, AuthMethod::Post], ..Settings::default() };
    settings.registration.auth_method = Some(AuthMethod::None);
    let server = works(settings);
    for request in server.token_requests() {
        assert_eq!((request.form_value("client_secret"), request.header("authorization")), (None, None));
    }
}

#[test]
fn a_registration_answered_with_200_and_another_method_than_asked_for_is_taken_rule_11() {
    for (method, in_form) in [(AuthMethod::Post, true), (AuthMethod::Basic, false)] {
        let mut settings = Settings::default();
        settings.registration.status = 200;
        settings.registration.auth_method = Some(method);
        let server = works(settings);
        for request in server.token_requests() {
            assert_eq!(request.form_value("client_secret").is_some(), in_form);
            assert_eq!(request.header("authorization").is_some(), !in_form);
        }
    }
}

#[test]
fn without_a_refresh_token_the_access_token_is_used_to_its_end_and_then_a_person_is_needed_rule_22() {
    let (server, sandbox) =
        expired_at(Settings { refresh_tokens: RefreshTokens::Never, ..Settings::default() });
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!(server.token_requests().len(), 1, "there is nothing to send");
    sandbox.login("demo").succeeds();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn a_lower_case_bearer_is_bearer() {
    works(Settings { token_type: "bearer".to_owned(), ..Settings::default() });
}

#[test]
fn doubled_slashes_inside_endpoint_urls_stay_as_they_were_published() {
    let server = works(Settings { issuer_path: "//as".to_owned(), ..Settings::default() });
    assert_eq!(server.count("//as/token"), 2);
    assert_eq!(server.count("//as/authorize"), 1);
}

#[test]
fn the_oidc_append_form_alone_is_enough_rule_5() {
    let documents = vec![Document::ResourcePath, Document::OidcAppend];
    works(Settings { issuer_path: "/realms/one".to_owned(), documents, ..Settings::default() });
}

#[test]
fn of_several_authorization_servers_the_first_that_has_metadata_is_taken_rule_4() {
    let server = serve(Settings::default());
    let listed = vec![format!("{}/nothing-here", server.origin()), server.issuer()];
    server.reconfigure(|settings| settings.authorization_servers = Some(listed));
    let sandbox = Sandbox::logged_in(&server);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("issuer"), server.issuer());
}

#[test]
fn servers_without_resource_metadata_are_met_in_both_forms_of_2025_03_26_rule_7() {
    for documents in [vec![Document::OAuthInsert], vec![]] {
        let mut settings = Settings { documents, ..Settings::default() };
        settings.challenge.raw = Some(Vec::new());
        works(settings);
    }
}

#[test]
fn a_challenge_is_found_among_other_schemes_parameters_quotes_and_headers_rule_1() {
    let metadata = |base: &str| format!("{base}/.well-known/oauth-protected-resource/mcp");
    for headers in [
        vec![
            "Negotiate",
            "Basic realm=\"a, Bearer b\", charset=\"UTF-8\"",
            "Bearer scope=\"read\", resource_metadata=\"URL\"",
        ],
        vec![
            "Basic realm=\"x\", bearer error=\"invalid_token\", SCOPE=\"read\", resource_metadata = \"URL\"",
        ],
        vec![
            "Newauth a=\"\\\"quoted\\\"\", Bearer realm=\"m,c=p\", scope=read, resource_metadata=\"URL\", Basic realm=\"z\"",
        ],
    ] {
        // Only the challenge says where the metadata is, and which scope is wanted.
        let server =
            serve(Settings { scopes_supported: vec!["read".into(), "write".into()], ..Settings::default() });
        let url = metadata(&server.origin());
        let raw = headers.iter().map(|header| header.replace("URL", &url)).collect();
        server.reconfigure(|settings| settings.challenge.raw = Some(raw));
        Sandbox::logged_in(&server);
        let log = server.log();
        assert_eq!(log.to(&Endpoint::Authorize)[0].query_value("scope"), Some("read"), "{headers:?}");
        assert_eq!(log.to(&Endpoint::ResourceMetadata).len(), 1, "{headers:?}");
    }
}

#[test]
fn a_pathless_resource_gets_no_slash_in_any_request_rule_16() {
    let server = works(Settings { mcp_path: String::new(), ..Settings::default() });
    let resource = server.origin();
    assert_eq!(server.log().to(&Endpoint::Authorize)[0].query_value("resource"), Some(resource.as_str()));
    assert!(server.token_requests().iter().all(|request| request.form_value("resource") == Some(&resource)));
}

#[test]
fn a_used_refresh_token_that_is_answered_with_401_invalid_grant_is_dead() {
    let settings = Settings { token_error_status: Some(401), reuse: Reuse::Refuse, ..Settings::default() };
    let (server, sandbox) = expired_at(settings);
    server.revoke_families();
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains("invalid_grant"), "{refused:?}");
    assert_eq!(sandbox.clear()["can_refresh"], false);
}

#[test]
fn a_refusal_with_400_and_an_empty_body_proves_nothing_and_names_the_way_out() {
    let (server, sandbox) = expired_at(Settings::default());
    server.fault(Endpoint::Refresh, Fault::status(400), Times::Always);
    let refused = sandbox.run(&["get", "demo"]).fails("unavailable", 75);
    assert!(refused.stderr.contains("mcp-credential login demo"), "{refused:?}");
    assert_eq!((&sandbox.clear()["can_refresh"], sandbox.opened().len()), (&true.into(), 0));
    server.clear_faults();
    sandbox.forget_state();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")), "nothing was lost");
}

/// Changes what the state file says of refusals without a word, and forgets what is shared for seconds.
fn unexplained(sandbox: &Sandbox, change: impl Fn(&mut serde_json::Value)) {
    let path = sandbox.state("oauth/demo.token.json.state");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    state.as_object_mut().unwrap().remove("shared");
    change(&mut state["unexplained"]);
    std::fs::write(&path, state.to_string()).unwrap();
}

fn eleven_minutes_ago(unexplained: &mut serde_json::Value) {
    unexplained["since"] = (unexplained["since"].as_u64().unwrap() - 660).into();
}

#[test]
fn refusals_without_a_word_that_go_on_for_ten_minutes_ask_for_a_login_and_keep_the_token() {
    let (server, sandbox) = expired_at(Settings::default());
    server.fault(Endpoint::Refresh, Fault::status(401), Times::Always);
    let get = || sandbox.run(&["get", "demo", "--timeout", "60"]);
    get().fails("unavailable", 75);
    unexplained(&sandbox, eleven_minutes_ago);
    get().fails("unavailable", 75);
    assert_eq!(server.refreshes().len(), 2, "each call asked once");
    unexplained(&sandbox, |_| ());
    let needed = get().fails("interaction_required", 4);
    assert!(needed.stderr.contains("for 11 minutes, in 3 calls"), "{needed:?}");
    assert_eq!(needed.stderr.matches("mcp-credential login demo").count(), 1, "{needed:?}");
    assert_eq!((&sandbox.clear()["can_refresh"], sandbox.opened().len()), (&true.into(), 0));
    server.clear_faults();
    unexplained(&sandbox, |_| ());
    assert_eq!(get().succeeds().text("source"), "refreshed", "the token was kept");
    let state = std::fs::read_to_string(sandbox.state("oauth/demo.token.json.state")).unwrap_or_default();
    assert!(!state.contains("unexplained"), "{state}");
}

#[test]
fn another_answer_in_between_begins_the_ten_minutes_anew() {
    let (server, sandbox) = expired_at(Settings::default());
    let get = || sandbox.run(&["get", "demo", "--timeout", "60"]);
    let silent = || server.fault(Endpoint::Refresh, Fault::status(400), Times::Always);
    silent();
    get().fails("unavailable", 75);
    unexplained(&sandbox, eleven_minutes_ago);
    get().fails("unavailable", 75);
    server.clear_faults();
    server.fault(Endpoint::Refresh, Fault::json_error(401, "invalid_client"), Times::Always);
    unexplained(&sandbox, |_| ());
    get().fails("invalid_client", 6);
    server.clear_faults();
    silent();
    unexplained(&sandbox, |unexplained| assert!(unexplained.is_null()));
    get().fails("unavailable", 75);
}

#[test]
fn a_token_endpoint_that_answers_in_form_encoding_and_errors_with_200_is_understood() {
    let settings = Settings {
        token_format: TokenFormat::Form,
        token_error_status: Some(200),
        access_token_ttl: std::time::Duration::from_secs(1),
        ..Settings::default()
    };
    let server = serve(settings);
    let sandbox = Sandbox::logged_in(&server);
    wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    server.revoke_families();
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
}
