//! Many processes at once: one request, whoever asks, against a server that revokes the family at the first
//! reuse of a refresh token.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::collections::HashSet;
use support::{Ran, Sandbox, server, wait_until_stale};

fn generations(crowd: &[Ran]) -> HashSet<String> {
    crowd.iter().map(|ran| ran.text("generation")).collect()
}

#[track_caller]
fn nothing_was_reused(server: &OAuthServer, last: &Ran) {
    assert_eq!(server.reuses(), 0);
    assert!(!server.family_revoked());
    assert!(server.mcp_accepts(&last.text("access_token")), "the last answered token opens the server");
}

#[test]
fn sixty_four_gets_on_an_expired_token_cause_one_request_and_get_equal_answers() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let first = sandbox.run(&["get", "demo"]).succeeds();
    let before = age(&sandbox, &server, &first);
    let crowd = sandbox.crowd(64, &["get", "demo", "--timeout", "60"]);
    for ran in &crowd {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    assert_eq!(server.refreshes().len() - before, 1);
    assert_eq!(generations(&crowd).len(), 1);
    nothing_was_reused(&server, crowd.last().unwrap());
}

/// Lets the token of `sandbox` expire; the server's next tokens live long. Returns the refreshes so far.
fn age(sandbox: &Sandbox, server: &OAuthServer, first: &Ran) -> usize {
    server.reconfigure(|settings| settings.access_token_ttl = std::time::Duration::from_secs(1));
    let short =
        sandbox.run(&["refresh", "demo", "--rejected-generation", &first.text("generation")]).succeeds();
    server.reconfigure(|settings| settings.access_token_ttl = std::time::Duration::from_secs(3600));
    wait_until_stale(&short.json());
    server.refreshes().len()
}

#[test]
fn tokens_that_live_three_seconds_work_as_well_as_long_ones() {
    let server = server(3);
    let sandbox = Sandbox::logged_in(&server);
    for _ in 0..3 {
        let before = server.refreshes().len();
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        wait_until_stale(&answer.json());
        let crowd = sandbox.crowd(64, &["get", "demo", "--timeout", "60"]);
        for ran in &crowd {
            assert_eq!(ran.status, 0, "{ran:?}");
        }
        let requests = server.refreshes().len() - before;
        // A crowd that takes longer than a life needs more than one token, but never two for one life.
        assert!(requests >= 1 && generations(&crowd).len() <= requests + 1, "{requests} requests");
        assert_eq!(server.reuses(), 0);
    }
    server.reconfigure(|settings| settings.access_token_ttl = std::time::Duration::from_secs(3600));
    nothing_was_reused(&server, &sandbox.refresh().succeeds());
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn twenty_callers_that_met_the_same_401_cause_one_request() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let rejected = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    let crowd =
        sandbox.crowd(20, &["refresh", "demo", "--timeout", "60", "--rejected-generation", &rejected]);
    for ran in &crowd {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    assert_eq!(server.refreshes().len(), 1);
    assert_eq!(generations(&crowd).len(), 1);
    assert!(!generations(&crowd).contains(&rejected));
    nothing_was_reused(&server, crowd.last().unwrap());
}

#[test]
fn a_failure_is_shared_by_callers_of_the_same_moment() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let rejected = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    server.fault(Endpoint::Refresh, Fault::too_many_requests(30), Times::Always);
    let crowd =
        sandbox.crowd(20, &["refresh", "demo", "--timeout", "60", "--rejected-generation", &rejected]);
    for ran in &crowd {
        assert_eq!((ran.status, ran.json()["error"]["code"].as_str()), (75, Some("rate_limited")), "{ran:?}");
        assert!(ran.json()["error"]["retry_after"].as_u64().is_some_and(|left| left <= 30), "{ran:?}");
    }
    assert_eq!(server.refreshes().len(), 1, "Retry-After is longer than a try may wait");
    let still_good = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(still_good.text("generation"), rejected);
}

#[test]
fn many_cold_starts_of_client_credentials_share_one_grant() {
    let server = server(3600);
    server.reconfigure(|settings| settings.clients.push(oauthserver::Client::confidential("bot", "s3cret")));
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_GRANT", "client_credentials")
        .variable("OAUTH2_CLIENT_ID", "bot")
        .variable("OAUTH2_CLIENT_SECRET", "s3cret");
    let crowd = sandbox.crowd(32, &["get", "bot", "--timeout", "60"]);
    for ran in &crowd {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    assert_eq!(server.token_requests().len(), 1);
    assert_eq!(generations(&crowd).len(), 1);
    assert!(server.mcp_accepts(&crowd[0].text("access_token")));
}
