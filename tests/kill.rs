//! Kills: of a caller with its whole process group, and of the refresh process itself. Neither may lose a
//! token that can be saved, and what cannot be saved is told truthfully.
//!
//! The server revokes the family at the first reuse of a refresh token, unless a test says otherwise. A kill
//! of both processes at once stands for that of a container.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Reuse, Settings, Times};
use rustix::process::Signal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::process::{Caller, kill, wait_until_held};
use support::{Ran, Sandbox, expired, expired_at, wait_for};

const INTERRUPTED: &str = "a previous refresh was interrupted";

fn hold(server: &OAuthServer, fault: Fault) {
    server.fault(Endpoint::Refresh, fault, Times::Next(1));
}

/// `get` answers what the killed callers' worker has saved: no login, no second request, no reuse.
#[track_caller]
fn the_next_get_has_it(server: &OAuthServer, sandbox: &Sandbox, before: &str) {
    let generation = sandbox.wait_for_successor(before);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("source").as_str(), answer.text("generation")), ("cache", generation));
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
    it_is_all_well(server, sandbox, &answer);
}

#[track_caller]
fn it_is_all_well(server: &OAuthServer, sandbox: &Sandbox, answer: &Ran) {
    sandbox.wait_for_rest();
    assert!(!server.family_revoked());
    assert!(server.mcp_accepts(&answer.text("access_token")), "the token opens the server");
    assert_eq!(sandbox.opened(), [""; 0], "no browser");
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

/// A caller whose refresh the server holds.
fn held_caller(server: &OAuthServer, sandbox: &Sandbox) -> Caller {
    let caller = sandbox.start_group(&["get", "demo", "--timeout", "60"]);
    wait_until_held(server);
    caller
}

#[test]
fn a_kill_of_the_group_after_the_server_has_rotated_loses_nothing_case_74b() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    hold(&server, Fault::HoldAfterCommit);
    held_caller(&server, &sandbox).kill(Signal::KILL);
    server.release();
    the_next_get_has_it(&server, &sandbox, &before);
}

#[test]
fn a_kill_of_the_group_before_the_server_has_rotated_loses_nothing_case_74b() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    hold(&server, Fault::Hang);
    held_caller(&server, &sandbox).kill(Signal::KILL);
    server.release();
    the_next_get_has_it(&server, &sandbox, &before);
}

#[test]
fn ctrl_c_and_a_closed_terminal_lose_nothing() {
    let (server, sandbox) = expired();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let (before, requests) = (sandbox.generation(), server.refreshes().len());
        hold(&server, Fault::HoldAfterCommit);
        let caller = sandbox.start_refresh();
        wait_until_held(&server);
        caller.kill(signal);
        server.release();
        let generation = sandbox.wait_for_successor(&before);
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(answer.text("generation"), generation, "{signal:?}");
        assert_eq!((server.refreshes().len(), server.reuses()), (requests + 1, 0), "{signal:?}");
        it_is_all_well(&server, &sandbox, &answer);
    }
}

/// A moment of a refresh, told by what can be seen from outside. The group is killed as soon as it has come.
enum Moment {
    Seen(&'static str, fn(&OAuthServer, &Sandbox) -> bool),
    /// The caller and its worker have come so far, or as far as they come: the server holds the refresh.
    Reached(u64),
}

const SEEN: [Moment; 7] = [
    Moment::Seen("it has just begun", |_, _| true),
    Moment::Seen("there is a worker", |_, sandbox| !sandbox.workers().is_empty()),
    Moment::Seen("there is an intent", |_, sandbox| {
        sandbox.leftovers().contains(&"demo.token.json.intent".to_owned())
    }),
    Moment::Seen("there is a reserve", |_, sandbox| {
        sandbox.leftovers().contains(&"demo.token.json.next".to_owned())
    }),
    Moment::Seen("it is connected", |server, _| server.open_connections() > 0),
    Moment::Seen("the request is sent", |server, _| is_sent(server)),
    Moment::Seen("the server holds the answer", |server, _| server.log().held() > 0),
];

/// From here on the new token is there for the next call, whatever becomes of the caller.
fn is_sent(server: &OAuthServer) -> bool {
    !server.refreshes().is_empty()
}

impl Moment {
    fn name(&self) -> String {
        match self {
            Self::Seen(name, _) => (*name).to_owned(),
            Self::Reached(progress) => format!("it has touched {progress} pages"),
        }
    }

    fn has_come(&self, server: &OAuthServer, sandbox: &Sandbox, caller: &Caller) -> bool {
        match self {
            Self::Seen(_, is_seen) => is_seen(server, sandbox),
            Self::Reached(progress) => sandbox.progress(caller) >= *progress || server.log().held() > 0,
        }
    }
}

/// What can be seen, and for the rest of twenty moments what lies between, from another beginning at each run.
fn twenty_moments() -> Vec<Moment> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = u64::from(now.subsec_micros()) % 70;
    println!("the first is after {first} pages");
    let reached = (0..13).map(|step| Moment::Reached(first + step * 70));
    SEEN.into_iter().chain(reached).collect()
}

/// As many people who are logged in, each at a server of his own; their tokens have ended.
fn all_expired(count: usize) -> Vec<(OAuthServer, Sandbox)> {
    let all: Vec<_> = (0..count)
        .map(|_| {
            let server = support::server(1);
            let sandbox = Sandbox::logged_in(&server);
            server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(3600));
            (server, sandbox)
        })
        .collect();
    for (_, sandbox) in &all {
        support::wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    }
    all
}

#[test]
fn a_kill_of_the_group_at_any_moment_costs_no_login_case_74b() {
    let moments = twenty_moments();
    let scenes = all_expired(moments.len());
    for (number, (moment, (server, sandbox))) in moments.iter().zip(&scenes).enumerate() {
        let before = sandbox.generation();
        hold(server, if number % 2 == 0 { Fault::HoldAfterCommit } else { Fault::Hang });
        let caller = sandbox.start_group(&["get", "demo", "--timeout", "60"]);
        let name = moment.name();
        wait_for(&name, || moment.has_come(server, sandbox, &caller).then_some(()));
        let is_sent = is_sent(server);
        caller.kill(Signal::KILL);
        // A request that arrived with the kill may be held only now.
        wait_for("the workers to end", || {
            server.release();
            sandbox.workers().is_empty().then_some(())
        });
        server.clear_faults();
        let saved = sandbox.generation() != before;
        assert!(saved || !is_sent, "{name}: the answer was not kept");
        let answer = sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
        let expected = if saved { "cache" } else { "refreshed" };
        assert_eq!((answer.text("source").as_str(), server.refreshes().len()), (expected, 1), "{name}");
        assert_eq!(server.reuses(), 0, "{name}");
        it_is_all_well(server, sandbox, &answer);
    }
}

#[test]
fn five_callers_give_up_three_are_killed_and_the_late_answer_is_there_for_the_next_case_51b() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    hold(&server, Fault::HoldAfterCommit);
    let start = |seconds| sandbox.start_group(&["get", "demo", "--timeout", seconds]);
    let killed = ["60"; 3].map(start);
    wait_until_held(&server);
    let impatient = ["2"; 2].map(start);
    for caller in killed {
        caller.kill(Signal::KILL);
    }
    for gave_up in impatient.map(Caller::end) {
        let code = gave_up.json()["error"]["code"].as_str().unwrap().to_owned();
        assert!(["deadline", "lock_timeout"].contains(&code.as_str()), "{gave_up:?}");
        assert_eq!(gave_up.status, 75, "{gave_up:?}");
    }
    assert_eq!(sandbox.generation(), before, "nothing is there yet");
    server.release();
    the_next_get_has_it(&server, &sandbox, &before);
}

#[test]
fn a_worker_killed_before_the_server_rotated_is_replaced_within_the_same_call() {
    let (server, sandbox) = expired();
    hold(&server, Fault::Hang);
    let caller = held_caller(&server, &sandbox);
    kill(sandbox.worker());
    assert!(server.wait_for(|log| log.refreshes().len() == 2, support::PATIENCE), "sent again");
    let answer = caller.end().succeeds();
    assert_eq!((answer.text("source").as_str(), server.reuses()), ("refreshed", 0));
    it_is_all_well(&server, &sandbox, &answer);
}

#[test]
fn a_worker_killed_after_the_server_rotated_is_told_as_interrupted() {
    let (server, sandbox) = expired();
    hold(&server, Fault::HoldAfterCommit);
    let caller = held_caller(&server, &sandbox);
    kill(sandbox.worker());
    let refused = caller.end().fails("interaction_required", 4);
    assert!(refused.stderr.contains(INTERRUPTED), "{refused:?}");
    assert_eq!(server.refreshes().len(), 2, "the old token was tried once more");
    let again = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(again.stderr.contains(INTERRUPTED), "{again:?}");
    assert_eq!(server.refreshes().len(), 2, "and then no more");
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

/// Caller and worker die together, after the server has rotated.
fn die_together(server: &OAuthServer, sandbox: &Sandbox) {
    hold(server, Fault::HoldAfterCommit);
    let caller = held_caller(server, sandbox);
    let worker = sandbox.worker();
    caller.kill(Signal::KILL);
    kill(worker);
    sandbox.wait_for_rest();
    server.clear_faults();
}

#[test]
fn a_kill_of_the_worker_too_is_told_as_interrupted() {
    let (server, sandbox) = expired();
    die_together(&server, &sandbox);
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains(INTERRUPTED), "{refused:?}");
    assert_eq!(server.refreshes().len(), 2);
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn a_kill_of_the_worker_too_costs_nothing_at_a_server_with_a_grace_time() {
    let grace = Reuse::Grace(Duration::from_secs(60));
    let (server, sandbox) = expired_at(Settings { reuse: grace, ..Settings::default() });
    die_together(&server, &sandbox);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("source").as_str(), server.refreshes().len()), ("refreshed", 2));
    it_is_all_well(&server, &sandbox, &answer);
}

#[test]
fn an_interruption_is_not_forgotten_over_a_fault_that_passes() {
    let (server, sandbox) = expired();
    die_together(&server, &sandbox);
    server.fault(Endpoint::Refresh, Fault::too_many_requests(60), Times::Next(1));
    sandbox.run(&["get", "demo"]).fails("rate_limited", 75);
    sandbox.forget_state();
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains(INTERRUPTED), "{refused:?}");
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

#[test]
fn a_login_after_an_interruption_starts_anew() {
    let (server, sandbox) = expired();
    die_together(&server, &sandbox);
    sandbox.login("demo").succeeds();
    sandbox.forget_browser();
    let answer = sandbox.refresh().succeeds();
    assert_eq!(answer.text("source"), "refreshed");
    assert_eq!((server.refreshes().len(), server.reuses()), (2, 0));
    it_is_all_well(&server, &sandbox, &answer);
}
