//! No storm of browsers: who waited for another login does not ask the person again after it failed.

mod support;

use oauthserver::browser::{self, Decision};
use oauthserver::{Consent, OAuthServer, Settings};
use support::{Sandbox, end, wait_for};

#[test]
fn callers_that_waited_for_a_login_which_was_refused_open_no_browser_of_their_own() {
    let server = OAuthServer::start(Settings { consent: Consent::Form, ..Settings::default() }).unwrap();
    let sandbox = Sandbox::with(&server);
    let mut callers: Vec<_> =
        (0..5).map(|_| sandbox.start(&["get", "demo", "--interactive", "always"])).collect();
    let url = sandbox.asked_url();
    wait_for("the others to queue for the login", || waiters(&callers).then_some(()));
    browser::visit_and(&url, Decision::Deny).unwrap();
    wait_for("all to end", || {
        if sandbox.opened().len() > 1 {
            for child in &mut callers {
                child.kill().unwrap();
            }
        }
        callers.iter_mut().all(|child| child.try_wait().unwrap().is_some()).then_some(())
    });
    for child in callers {
        assert_ne!(end(child).status, 0);
    }
    assert_eq!(sandbox.opened().len(), 1, "the person has said no once");
}

/// Whether each caller has the login lock's file open.
fn waiters(callers: &[std::process::Child]) -> bool {
    callers.iter().all(|child| {
        let Ok(files) = std::fs::read_dir(format!("/proc/{}/fd", child.id())) else { return false };
        files.flatten().any(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().ends_with(".login"))
        })
    })
}
