//! What a process leaves that is killed while it replaces a small file: the next one that writes takes it away.

use crate::strace::{Inject, RENAME, UNLINK, trace};
use crate::support::{Sandbox, server};
use oauthserver::{Endpoint, Fault, Times};
use std::fs;

const LINK: &str = "?link,?linkat";

/// The drafts in the state directory and in the store.
pub fn drafts(sandbox: &Sandbox) -> Vec<String> {
    let names = |place: &str| fs::read_dir(sandbox.state(place)).into_iter().flatten().flatten();
    let names = names("").chain(names("oauth")).map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.rsplit('.').next() == Some("draft")).collect()
}

/// Runs the program and kills it, or its worker, at the call; one draft is left, of the file of that name.
#[track_caller]
fn killed_at(sandbox: &Sandbox, calls: &str, when: &str, arguments: &[&str], left: &str) {
    let fault = Inject { calls, file: None, when, what: "signal=KILL" };
    let traced = trace(sandbox, &fault.options(sandbox), arguments);
    assert!(traced.log.contains("+++ killed by SIGKILL"), "{fault:?} did not happen: {}", traced.log);
    let drafts = drafts(sandbox);
    assert!(drafts.len() == 1 && drafts[0].starts_with(left), "{fault:?} {drafts:?}");
}

#[test]
fn a_draft_of_the_key_does_not_outlive_the_next_login_case_80() {
    for (calls, when) in [(LINK, "1"), (UNLINK, "1")] {
        let server = server(3600);
        let sandbox = Sandbox::with(&server);
        killed_at(&sandbox, calls, when, &["login", "demo"], "key.bin.");
        sandbox.login("demo").succeeds();
        assert_eq!(drafts(&sandbox), [""; 0]);
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        assert!(server.mcp_accepts(&answer.text("access_token")));
    }
}

#[test]
fn a_draft_of_a_registration_does_not_outlive_the_next_login_or_an_erase_case_80() {
    for again in [&["login", "demo"][..], &["erase", "demo", "--scope", "all"]] {
        let server = server(3600);
        let sandbox = Sandbox::with(&server);
        killed_at(&sandbox, RENAME, "1", &["login", "demo"], "demo.client.json.");
        sandbox.person(again, oauthserver::browser::Decision::Approve).succeeds();
        assert_eq!(drafts(&sandbox), [""; 0], "{again:?}");
    }
}

#[test]
fn a_draft_of_the_state_does_not_outlive_the_next_refresh_or_an_erase_case_80() {
    for erases in [false, true] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        server.fault(Endpoint::Refresh, Fault::too_many_requests(60), Times::Always);
        let refresh = ["refresh", "demo", "--rejected-generation", &sandbox.generation()];
        // The worker's first rename is that of the intent.
        killed_at(&sandbox, RENAME, "2", &refresh, "demo.token.json.state.");
        server.clear_faults();
        if erases {
            sandbox.run(&["erase", "demo"]).succeeds();
        } else {
            sandbox.forget_state();
            sandbox.refresh().succeeds();
        }
        assert_eq!((drafts(&sandbox), server.reuses()), (vec![], 0));
    }
}
