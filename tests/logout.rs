//! `logout`: a person's login ends here and at its server, and one plain line says what came of it.

mod support;

use oauthserver::{Client, Endpoint, Fault, Settings, Times, TokenStatus};
use serde_json::json;
use std::fs;
use std::time::Duration;
use support::{PATIENCE, Ran, Sandbox, serve, server};

/// The one line on stderr; stdout stays empty.
#[track_caller]
fn line(ran: Ran) -> String {
    let ran = ran.succeeds();
    assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1), "{ran:?}");
    ran.stderr.trim_end().to_owned()
}

const REVOKED: &str = "mcp-credential: demo: logged out, and revoked by the authorization server";

#[test]
fn a_logout_ends_the_login_here_and_at_its_server_and_keeps_the_client() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    assert_eq!(line(sandbox.run(&["logout", "demo"])), REVOKED);
    let revocations: Vec<_> = server.requests().into_iter().filter(|seen| seen.path == "/revoke").collect();
    let hints: Vec<_> = revocations.iter().map(|seen| seen.form_value("token_type_hint")).collect();
    assert_eq!(hints, [Some("refresh_token"), Some("access_token")]);
    let refresh = revocations[0].form_value("token").unwrap();
    assert!(matches!(server.refresh_token_status(refresh), TokenStatus::Revoked));
    assert!(!server.mcp_accepts(&token) && !sandbox.record().exists());
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 1, "the client was kept");
}

#[test]
fn the_client_goes_where_all_is_to_go() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    assert_eq!(line(sandbox.run(&["logout", "demo", "--scope", "all"])), REVOKED);
    assert!(!sandbox.files().contains(&"demo.client.json".to_owned()));
}

#[test]
fn a_server_without_revocation_is_named_as_what_keeps_the_tokens_alive() {
    let server = serve(Settings { revocation: false, ..Settings::default() });
    let sandbox = Sandbox::logged_in(&server);
    let said = line(sandbox.run(&["logout", "demo"]));
    assert!(said.contains("logged out here, but not revoked"), "{said}");
    assert!(said.contains("named no revocation endpoint; the tokens work there until they end"), "{said}");
    assert!(!sandbox.record().exists());
}

#[test]
fn a_server_that_cannot_be_asked_or_refuses_does_not_keep_the_login_here() {
    for fault in [None, Some(Fault::status(503)), Some(Fault::json_error(400, "invalid_client"))] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        match fault.clone() {
            None => server.go_offline(),
            Some(fault) => server.fault(Endpoint::Revoke, fault, Times::Always),
        }
        let said = line(sandbox.run(&["logout", "demo"]));
        assert!(said.contains("logged out here, but not revoked: http://127.0.0.1"), "{fault:?} {said}");
        assert!(!sandbox.record().exists());
    }
}

#[test]
fn a_server_that_revokes_refresh_tokens_alone_is_not_said_to_have_revoked_all() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let refused = Fault::json_error(400, "unsupported_token_type");
    server.fault(Endpoint::Revoke, Fault::DelayAfterCommit(Duration::ZERO), Times::Next(1));
    server.fault(Endpoint::Revoke, refused, Times::Always);
    let said = line(sandbox.run(&["logout", "demo"]));
    assert!(said.contains("the refresh token is, the access token is not"), "{said}");
    assert!(said.ends_with("the access token works there until it ends"), "{said}");
    assert!(server.family_revoked());
}

#[test]
fn a_login_that_no_configuration_speaks_of_is_ended_from_its_record_alone() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["remove", "demo"]).succeeds();
    assert_eq!(line(sandbox.run(&["logout", "demo", "--scope", "all"])), REVOKED);
    assert!(server.family_revoked());
    let unknown = sandbox.run(&["logout", "demo"]).fails("not_found", 3);
    assert_eq!(unknown.stdout, "");
}

#[test]
fn a_second_logout_is_none_and_a_slip_in_the_name_is_not_taken_for_one() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    line(sandbox.run(&["logout", "demo"]));
    assert_eq!(line(sandbox.run(&["logout", "demo"])), "mcp-credential: demo: nobody was logged in");
    let slip = sandbox.run(&["logout", "dema"]).fails("not_found", 3);
    assert!(slip.stderr.contains("did you mean demo?"), "{}", slip.stderr);
    let nowhere = Sandbox::new();
    nowhere.run(&["logout", "demo"]).fails("not_found", 3);
    assert!(!nowhere.state("").exists(), "nothing is created by it");
}

#[test]
fn a_damaged_record_is_left_in_place_unless_all_is_to_go() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    fs::write(sandbox.record(), "not a record").unwrap();
    sandbox.run(&["logout", "demo"]).fails("cache_damaged", 5);
    assert_eq!(fs::read_to_string(sandbox.record()).unwrap(), "not a record");
    let moved = sandbox.run(&["logout", "demo", "--scope", "all"]).succeeds();
    assert!(moved.stderr.contains("demo.token.json.damaged-"), "{}", moved.stderr);
    assert!(moved.stderr.contains("there was no token to revoke"), "{}", moved.stderr);
}

#[test]
fn a_refresh_under_way_is_waited_for_and_its_token_goes_too() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let generation = sandbox.generation();
    let arguments = ["refresh", "demo", "--rejected-generation", &generation, "--timeout", "60"];
    let refresh = sandbox.watch(&arguments);
    assert!(server.wait_for(|log| log.held() == 1, PATIENCE));
    let refused = sandbox.run(&["logout", "demo", "--timeout", "0"]).fails("lock_timeout", 75);
    assert!(refused.stderr.contains("nothing was erased"), "{}", refused.stderr);
    let logout = sandbox.watch(&["logout", "demo"]);
    logout.says("demo: waiting for a refresh under way to end");
    server.release();
    let token = refresh.end().succeeds().text("access_token");
    let ended = logout.end().succeeds();
    assert_eq!(ended.stderr.lines().last(), Some(REVOKED));
    assert!(!server.mcp_accepts(&token) && !sandbox.record().exists());
}

#[test]
fn a_grant_that_needs_no_login_says_that_the_next_call_obtains_a_token() {
    let clients = vec![Client::confidential("bot", "a-secret")];
    let server = serve(Settings { clients, ..Settings::default() });
    let oauth2 = json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "a-secret"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    let said = line(sandbox.run(&["logout", "demo"]));
    assert!(said.starts_with(REVOKED) && said.contains("the next `get` obtains a new token"), "{said}");
    assert!(!server.mcp_accepts(&token));
}

#[test]
fn an_answer_that_was_saved_and_is_not_in_its_place_yet_is_what_is_revoked() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let spent = fs::read(sandbox.record()).unwrap();
    let token = sandbox.refresh().succeeds().text("access_token");
    fs::rename(sandbox.record(), sandbox.state("oauth/demo.token.json.next")).unwrap();
    fs::write(sandbox.record(), spent).unwrap();
    assert_eq!(line(sandbox.run(&["logout", "demo"])), REVOKED);
    assert!(!server.mcp_accepts(&token), "the newest token has ended");
    let revoked = server.requests().into_iter().find(|seen| seen.path == "/revoke").unwrap();
    let spent = server.refreshes()[0].form_value("refresh_token").map(str::to_owned);
    assert_ne!(revoked.form_value("token"), spent.as_deref());
    assert_eq!((server.reuses(), sandbox.leftovers()), (0, vec![]));
}
