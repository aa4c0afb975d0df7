//! A person's login: discovery, dynamic registration, PKCE, resource indicator, consent, revocation.

use crate::oidc_provider::Provider;
use crate::sandbox::{NAME, Sandbox};
use crate::story::{self, HOUR};

#[test]
fn a_login_needs_nothing_but_the_servers_url_and_its_token_opens_the_server() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());

    let answer = sandbox.get().succeeded();
    assert_eq!(answer.text("source"), "cache");
    assert_eq!(answer.text("issuer"), provider.issuer());
    assert_eq!(answer.text("resource"), provider.mcp());
    assert!(provider.opens(&answer.text("access_token")));
    let registered = provider.events("registration").iter().filter(|event| event["status"] == 201).count();
    assert_eq!(registered, 1);
    assert_eq!(provider.events("authorization").len(), 1);
    assert_eq!(provider.events("token").len(), 1, "the second answer came from the cache");
}

#[test]
fn a_person_logs_in_with_a_browser_through_the_pages_of_the_server() {
    let provider = Provider::start(HOUR);
    story::a_person_logs_in(&provider, &Sandbox::for_server(provider.mcp()));
}

#[test]
fn a_person_who_cancels_is_taken_at_their_word() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::for_server(provider.mcp());
    let refused = sandbox.login_cancelled_in_chromium().ended_with(6);
    assert!(refused.stderr().contains("[denied]"), "{}", refused.stderr());
    assert!(provider.events("token").is_empty());
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}

#[test]
fn the_authorization_request_names_resource_and_pkce_and_the_code_is_redeemed_for_the_same_resource() {
    let provider = Provider::start(HOUR);
    let _sandbox = Sandbox::logged_in(provider.mcp());

    let [authorization] = &provider.events("authorization")[..] else { panic!("one authorization") };
    assert_eq!(authorization["resource"], provider.mcp());
    assert_eq!(authorization["pkce"], "S256");
    let [token] = &provider.token_requests("authorization_code")[..] else { panic!("one code") };
    assert_eq!(token["resource"], provider.mcp());
    assert_eq!(token["auth_style"], "none");
    assert_eq!(token["granted_scope"], "mcp:read mcp:write");
}

/// `OpenID` Connect Core, section 11: an authorization server ignores `offline_access` unless the request's
/// `prompt` contains `consent`. oidc-provider holds to it.
#[test]
fn a_login_asks_for_offline_access_in_the_way_that_brings_a_refresh_token() {
    let provider = Provider::start(HOUR);
    let _sandbox = Sandbox::logged_in(provider.mcp());

    let authorization = &provider.events("authorization")[0];
    let [token] = &provider.token_requests("authorization_code")[..] else { panic!("one code") };
    assert_eq!(token["issued_refresh_token"], true, "the request was {authorization}");
}

#[test]
fn an_issuer_with_a_path_is_found_where_only_openid_discovery_puts_it() {
    let provider = Provider::start_at("/tenants/one");
    let sandbox = Sandbox::logged_in(provider.mcp());
    let before = sandbox.get().succeeded();
    assert!(before.text("issuer").ends_with("/tenants/one"));
    let after = sandbox.refresh(&before).succeeded();
    assert!(provider.opens(&after.text("access_token")));
}

#[test]
fn the_token_format_prints_the_token_that_the_json_answer_holds() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());

    let token = sandbox.get().succeeded().text("access_token");
    let printed = sandbox.run(&["get", NAME, "--format", "token"]).succeeded();
    assert!(printed.prints(&format!("{token}\n")), "one token and one line feed");
}

#[test]
fn an_erase_with_revocation_ends_the_grant_at_the_server_too() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let token = sandbox.get().succeeded().text("access_token");

    sandbox.run(&["erase", NAME, "--revoke"]).succeeded();
    assert_eq!(provider.events("grant_revoked").len(), 1);
    assert!(!provider.opens(&token));
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}
