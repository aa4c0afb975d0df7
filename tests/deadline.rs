//! Every command ends by its own deadline, whoever is slow: a call of one second ends before an equal call with
//! more time, which was started before it.

mod support;

use oauthserver::{Endpoint, Fault, Times};
use support::{Ran, Sandbox, end, server};

/// Runs `short`, which must end before the same command with more time, started first in `other`.
#[track_caller]
fn ends_before(other: &Sandbox, long: &[&str], sandbox: &Sandbox, short: &[&str]) -> Ran {
    let mut reference = other.start(long);
    let ran = sandbox.run(short);
    let still_runs = reference.try_wait().unwrap().is_none();
    let _ = reference.kill();
    let _ = reference.wait();
    assert!(still_runs, "it has not ended by its deadline: {ran:?}");
    ran
}

#[test]
fn a_login_at_a_server_that_stays_silent_ends_by_its_own_limit() {
    let server = server(3600);
    let (other, sandbox) = (Sandbox::with(&server), Sandbox::with(&server));
    server.fault(Endpoint::Mcp, Fault::Hang, Times::Always);
    let (long, short) = (["login", "demo", "--timeout", "60"], ["login", "demo", "--timeout", "1"]);
    ends_before(&other, &long, &sandbox, &short).fails("unavailable", 75);
}

#[test]
fn a_secret_command_that_hangs_is_stopped_at_the_deadline_of_the_call() {
    let server = server(3600);
    let sandboxes = [(), ()].map(|()| {
        let sandbox = Sandbox::with(&server);
        let config = serde_json::json!({"servers": {"bot": {"url": server.mcp_url(), "oauth2": {
            "grant": "client_credentials", "clientId": "bot", "clientSecretCommand": ["sleep", "60"]}}}});
        std::fs::write(sandbox.state("config.json"), config.to_string()).unwrap();
        sandbox
    });
    let (long, short) = (["get", "bot", "--timeout", "60"], ["get", "bot", "--timeout", "1"]);
    ends_before(&sandboxes[0], &long, &sandboxes[1], &short).fails("unavailable", 75);
}

#[test]
fn a_question_to_a_silent_server_ends_with_the_call_that_asks_it() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Mcp, Fault::Hang, Times::Always);
    let get = |timeout| sandbox.start(&["get", "demo", "--verify", "always", "--timeout", timeout]);
    let asking = get("60");
    assert!(server.wait_for(|log| log.held() == 1, support::PATIENCE));
    // It waits for the other's question, and would then have asked one of its own.
    let short = get("0");
    end(short).succeeds();
    assert_eq!(server.log().held(), 1, "the short call has ended before the long one");
    end(asking).succeeds();
}
