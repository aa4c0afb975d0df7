//! A clock that was set back or forward since the record was written: the record is written with the times of
//! another clock, which is the same to the program.

mod support;

use mcp_credential::clock;
use mcp_credential::config::KeySource;
use mcp_credential::store::draft::{self, Durable};
use mcp_credential::store::{Slot, Store, record};
use support::{Sandbox, server};

/// Gives the stored token of `demo` other times, in seconds since 1970 UTC.
fn date(sandbox: &Sandbox, obtained_at: u64, expires_at: Option<u64>) {
    let store = Store::new(sandbox.state(""), None, KeySource::File);
    let slot = Slot::new(&store, "demo");
    let mut record = slot.peek().unwrap().unwrap();
    record.clear.obtained_at = obtained_at;
    record.clear.expires_at = expires_at;
    let content = record::encode(&store.key().unwrap(), &record).unwrap();
    draft::replace(&slot.record_path(), &content, Durable::No).unwrap();
}

/// Times at which a token was obtained and ends, as another clock told them.
fn strange_times() -> [(u64, Option<u64>); 6] {
    let now = clock::now();
    [
        (now + 3600, Some(now + 7200)),
        (now + 3600, None),
        (0, Some(1)),
        (0, None),
        (u64::MAX, Some(u64::MAX)),
        (u64::MAX, Some(0)),
    ]
}

#[test]
fn a_token_of_another_time_is_renewed_once_and_shown_without_a_panic_case_75() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for (count, (obtained_at, expires_at)) in strange_times().into_iter().enumerate() {
        date(&sandbox, obtained_at, expires_at);
        for verb in ["status", "list"] {
            let shown = sandbox.run(&[verb, "--format", "json"]).succeeds();
            assert_ne!(shown.json()[0]["state"], "fresh", "{obtained_at} {expires_at:?}");
            sandbox.run(&[verb]).succeeds();
        }
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(answer.text("source"), "refreshed", "{obtained_at} {expires_at:?}");
        assert_eq!((server.refreshes().len(), server.reuses()), (count + 1, 0));
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    }
}

#[test]
fn a_token_from_the_future_is_answered_while_it_cannot_be_renewed_case_75() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let now = clock::now();
    date(&sandbox, now + 3600, Some(now + 7200));
    server.go_offline();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "stale_ok");
    server.go_online().unwrap();
    assert!(server.mcp_accepts(&answer.text("access_token")));
    sandbox.forget_state();
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "refreshed");
}
