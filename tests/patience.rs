//! What the worker waits for in real time: a token endpoint that answers after 35 seconds, and one that never does.
//!
//! It takes minutes, so `cargo test` leaves it out: `cargo test --test patience`, or `tests/exhaustive patience`.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use rustix::process::Signal;
use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};
use support::process::Caller;
use support::{PATIENCE, Sandbox, expired};

/// Longer than a call waits by default, which is eight seconds, and than a grant that spends nothing.
const LATE: Duration = Duration::from_secs(35);

/// Waits until the worker has ended by itself, which takes longer than other things that must happen.
#[track_caller]
fn wait_for_rest(sandbox: &Sandbox) {
    let limit = Instant::now() + Duration::from_secs(300);
    while !sandbox.workers().is_empty() {
        assert!(Instant::now() < limit, "the worker waits for ever");
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn wait_until_asked(server: &OAuthServer) {
    assert!(server.wait_for(|log| !log.refreshes().is_empty(), PATIENCE), "the server was not asked");
}

#[test]
fn an_answer_after_35_seconds_serves_who_still_waits_and_everybody_after_him_case_51b() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    server.fault(Endpoint::Refresh, Fault::DelayAfterCommit(LATE), Times::Next(1));
    let start = |timeout: &[&str]| sandbox.start_group(&[&["get", "demo"], timeout].concat());
    let killed = [(); 3].map(|()| start(&["--timeout", "300"]));
    wait_until_asked(&server);
    let (hasty, patient) = (start(&["--timeout", "8"]), start(&["--timeout", "300"]));
    for caller in killed {
        caller.kill(Signal::KILL);
    }
    let gave_up = hasty.end();
    let code = gave_up.json()["error"]["code"].as_str().unwrap().to_owned();
    assert!(["deadline", "lock_timeout"].contains(&code.as_str()) && gave_up.status == 75, "{gave_up:?}");
    assert_eq!(sandbox.generation(), before, "nothing is there yet");
    let awaited = patient.end().succeeds();
    assert!(server.mcp_accepts(&awaited.text("access_token")));
    wait_for_rest(&sandbox);
    let next = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(
        (next.text("source").as_str(), next.text("generation")),
        ("cache", awaited.text("generation"))
    );
    assert_ne!(next.text("generation"), before);
    assert_eq!((server.refreshes().len(), server.reuses(), server.family_revoked()), (1, 0, false));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn a_worker_whose_server_stays_silent_ends_by_its_own_limit_and_the_lock_is_free_case_21() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    server.fault(Endpoint::Refresh, Fault::Hang, Times::Always);
    let caller: Caller = sandbox.start_group(&["get", "demo", "--timeout", "8"]);
    wait_until_asked(&server);
    caller.end().fails("deadline", 75);
    wait_for_rest(&sandbox);
    let lock = File::open(sandbox.state("oauth/demo.token.json.lock")).unwrap();
    lock.try_lock().expect("nobody holds the lock");
    drop(lock);
    assert_eq!((server.refreshes().len(), sandbox.generation()), (1, before));
    server.clear_faults();
    sandbox.forget_state();
    let next = sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
    assert_eq!((next.text("source").as_str(), server.reuses()), ("refreshed", 0));
    assert!(server.mcp_accepts(&next.text("access_token")));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}
