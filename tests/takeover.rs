//! A lock file that is removed by hand while a renewal runs, and renewals that broke off: nothing is lost,
//! nothing comes back, and the message after it is the truth.

mod support;

use oauthserver::{Endpoint, Fault, Times};
use support::{PATIENCE, Sandbox, end, server};

#[test]
fn an_erase_under_a_replaced_lock_waits_for_the_renewal_under_the_old_one() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let rejected = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    let renewal = sandbox.start(&["refresh", "demo", "--timeout", "60", "--rejected-generation", &rejected]);
    assert!(server.wait_for(|log| log.held() == 1, PATIENCE));
    std::fs::remove_file(sandbox.state("oauth/demo.token.json.lock")).unwrap();
    let erased = sandbox.run(&["erase", "demo", "--timeout", "1"]);
    assert_eq!(erased.json()["error"]["code"], "lock_timeout", "{erased:?}");
    server.release();
    end(renewal).succeeds();
    sandbox.run(&["erase", "demo"]).succeeds();
    assert!(!sandbox.record().exists());
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
}

#[test]
fn a_renewal_whose_reserved_file_was_taken_away_still_saves_its_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let rejected = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    let renewal = sandbox.start(&["refresh", "demo", "--timeout", "60", "--rejected-generation", &rejected]);
    assert!(server.wait_for(|log| log.held() == 1, PATIENCE));
    let reserved = sandbox.state("oauth/demo.token.json.next");
    std::fs::remove_file(&reserved).unwrap();
    std::fs::write(&reserved, "of somebody else").unwrap();
    server.release();
    let renewed = end(renewal).succeeds();
    assert_eq!(renewed.json()["persisted"], serde_json::Value::Null, "{renewed:?}");
    let stored = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(stored.text("generation"), renewed.text("generation"));
    assert!(server.mcp_accepts(&stored.text("access_token")));
}

#[test]
fn a_fault_after_a_lost_answer_does_not_hide_that_the_token_may_be_spent() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::DropAfterCommit, Times::Next(1));
    server.fault(Endpoint::Refresh, Fault::status(503), Times::Next(3));
    let rejected = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &rejected];
    sandbox.run(&refresh).fails("unavailable", 75);
    sandbox.forget_state();
    let ended = sandbox.run(&refresh).fails("interaction_required", 4);
    assert!(ended.stderr.contains("a previous refresh was interrupted"), "{ended:?}");
}
