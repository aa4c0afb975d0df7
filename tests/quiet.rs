//! No storm of browsers: who waited for another login does not ask the person again after it failed.

mod support;

use oauthserver::browser::{self, Decision};
use oauthserver::{Consent, OAuthServer, RefreshTokens, Settings};
use std::time::Duration;
use support::{Running, Sandbox, serve, wait_for, wait_until};

#[test]
fn callers_that_waited_for_a_login_which_was_refused_open_no_browser_of_their_own() {
    let server = OAuthServer::start(Settings { consent: Consent::Form, ..Settings::default() }).unwrap();
    let sandbox = Sandbox::with(&server);
    let mut callers: Vec<_> =
        (0..5).map(|_| sandbox.watch(&["get", "demo", "--interactive", "always"])).collect();
    let url = sandbox.asked_url();
    let lock = sandbox.state("oauth/demo.token.json.login");
    for caller in &callers {
        caller.opens(&lock);
    }
    browser::visit_and(&url, Decision::Deny).unwrap();
    wait_for("all to end", || {
        assert!(sandbox.opened().len() < 2, "a second browser");
        callers.iter_mut().all(Running::has_ended).then_some(())
    });
    for caller in callers {
        assert_ne!(caller.end().status, 0);
    }
    assert_eq!(sandbox.opened().len(), 1, "the person has said no once");
}

#[test]
fn a_server_that_rejects_every_token_gets_no_fourth_browser_until_a_person_decides() {
    let server = serve(Settings { refresh_tokens: RefreshTokens::Never, ..Settings::default() });
    let sandbox = Sandbox::logged_in(&server);
    let rejected = || {
        let generation = sandbox.generation();
        let arguments = ["refresh", "demo", "--rejected-generation", &generation, "--interactive", "always"];
        sandbox.person(&arguments, Decision::Approve)
    };
    sandbox.forget_browser();
    for _ in 0..3 {
        rejected().succeeds();
    }
    let refused = rejected().fails("interaction_required", 4);
    assert!(refused.stderr.contains("3 times within ten minutes"), "{refused:?}");
    assert_eq!(sandbox.opened().len(), 3);
    sandbox.login("demo").succeeds();
    rejected().succeeds();
}

#[test]
fn an_authorization_server_whose_tokens_end_at_once_gets_no_fourth_browser_either() {
    // It redirects at once, so nobody even has to look at its page.
    let settings = Settings { refresh_tokens: RefreshTokens::Never, ..Settings::default() };
    let server = serve(Settings { access_token_ttl: Duration::from_secs(1), ..settings });
    let sandbox = Sandbox::with(&server);
    let get = || {
        if sandbox.record().exists() {
            wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
        }
        sandbox.person(&["get", "demo", "--interactive", "always"], Decision::Approve)
    };
    for _ in 0..3 {
        assert_eq!(get().succeeds().text("source"), "login");
    }
    let refused = get().fails("interaction_required", 4);
    assert!(refused.stderr.contains("3 times within ten minutes"), "{refused:?}");
    assert!(refused.stderr.contains("run `mcp-credential login demo`"), "{refused:?}");
    assert_eq!(sandbox.opened().len(), 3);
    sandbox.login("demo").succeeds();
    get().succeeds();
    assert_eq!(sandbox.opened().len(), 5, "a typed login always may, and ends the count");
}
