//! Rotation with reuse detection: oidc-provider revokes the whole grant at the first reuse of a refresh token.

use crate::oidc_provider::Provider;
use crate::sandbox::{Answer, NAME, Sandbox};
use crate::story::{HOUR, SHORT};

/// A home whose token has expired, at a server whose next tokens live an hour.
fn expired(provider: &Provider) -> Sandbox {
    provider.set_access_token_ttl(SHORT);
    let sandbox = Sandbox::logged_in(provider.mcp());
    provider.wait_until_the_newest_token_expired();
    provider.set_access_token_ttl(HOUR);
    sandbox
}

#[test]
fn a_refresh_rotates_with_one_request_and_the_old_refresh_token_is_worth_nothing() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let before = sandbox.get().succeeded();

    let after = sandbox.refresh(&before).succeeded();
    assert_ne!(after.text("access_token"), before.text("access_token"));
    assert_ne!(after.text("generation"), before.text("generation"));
    assert!(provider.opens(&after.text("access_token")));

    let [request] = &provider.token_requests("refresh_token")[..] else { panic!("one token request") };
    assert_eq!(request["outcome"], "success");
    assert_eq!(request["resource"], provider.mcp());

    let replay = provider.replay_the_spent_refresh_token();
    assert_eq!((&replay["status"], &replay["error"]), (&400.into(), &"invalid_grant".into()));
}

#[test]
fn a_second_refresh_of_the_same_rejected_generation_sends_nothing() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let before = sandbox.get().succeeded();

    let first = sandbox.refresh(&before).succeeded();
    let second = sandbox.refresh(&before).succeeded();
    assert_eq!(second.text("access_token"), first.text("access_token"));
    assert_eq!(second.text("source"), "already_rotated");
    assert_eq!(provider.token_requests("refresh_token").len(), 1);
}

#[test]
fn refreshes_follow_each_other_along_the_chain_of_rotated_tokens() {
    let provider = Provider::start(HOUR);
    let sandbox = Sandbox::logged_in(provider.mcp());

    let last = (0..5).fold(sandbox.get().succeeded(), |held, _| sandbox.refresh(&held).succeeded());
    assert!(provider.opens(&last.text("access_token")));
    assert_eq!(provider.token_requests("refresh_token").len(), 5);
    assert!(provider.events("grant_revoked").is_empty());
}

#[test]
fn twenty_callers_of_an_expired_token_share_one_request_and_one_answer() {
    let provider = Provider::start(SHORT);
    let sandbox = expired(&provider);

    let answers = sandbox.run_at_once(20, &["get", NAME, "--timeout", "60"]);
    let answers: Vec<Answer> = answers.into_iter().map(Answer::succeeded).collect();
    for member in ["access_token", "generation"] {
        let values: Vec<String> = answers.iter().map(|answer| answer.text(member)).collect();
        assert!(values.iter().all(|value| *value == values[0]), "one {member} for all");
    }
    assert!(provider.opens(&answers[0].text("access_token")));
    assert_eq!(provider.token_requests("refresh_token").len(), 1);
    assert!(provider.events("grant_revoked").is_empty());
    assert_eq!(provider.events("authorization").len(), 1, "the login's own, and no other browser");
}

#[test]
fn a_revoked_family_asks_for_a_login_once_and_a_login_repairs_it() {
    let provider = Provider::start(SHORT);
    let sandbox = Sandbox::logged_in(provider.mcp());
    provider.wait_until_the_newest_token_expired();
    sandbox.get().succeeded();
    provider.replay_the_spent_refresh_token();
    assert_eq!(provider.events("grant_revoked").len(), 1, "the reuse has revoked the family");
    provider.wait_until_the_newest_token_expired();

    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
    let sent = provider.token_requests("refresh_token");
    assert_eq!(sent.len(), 2, "the rotation and the refused one");
    assert_eq!(sent[1]["error"], "invalid_grant");

    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
    assert_eq!(provider.token_requests("refresh_token").len(), 2, "nothing is sent again");
    assert_eq!(provider.events("authorization").len(), 1, "no browser by itself");

    provider.set_access_token_ttl(HOUR);
    sandbox.login();
    assert!(provider.opens(&sandbox.get().succeeded().text("access_token")));
}
