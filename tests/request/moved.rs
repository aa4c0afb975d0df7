//! A server that goes over to another authorization server says so in the metadata that its challenge names.

use crate::support::{Sandbox, serve, server};
use crate::{ask, challenge, refused};
use oauthserver::browser::Decision;
use oauthserver::{Client, OAuthServer, Settings};
use serde_json::json;

const INVALID: &str = r#"error="invalid_token""#;

/// A server, and another one whose tokens are for it. It still names itself.
fn pair(settings: Settings) -> (OAuthServer, OAuthServer) {
    let old = serve(settings.clone());
    let new = serve(Settings { resource: Some(old.resource()), ..settings });
    old.trust_tokens_of(&new);
    (old, new)
}

fn move_to(old: &OAuthServer, new: &OAuthServer) {
    old.reconfigure(|settings| settings.authorization_servers = Some(vec![new.issuer()]));
}

#[test]
fn a_login_of_the_old_issuer_is_not_renewed_and_both_are_named_rule_21() {
    let (old, new) = pair(Settings::default());
    let sandbox = Sandbox::logged_in(&old);
    let object = refused(&old, &sandbox.generation(), 401, INVALID);
    move_to(&old, &new);
    let needed = ask(&sandbox, &["refresh"], &object).fails("interaction_required", 4);
    assert!(
        needed.stderr.contains(&old.issuer()) && needed.stderr.contains(&new.issuer()),
        "{}",
        needed.stderr
    );
    assert_eq!((old.refreshes().len(), new.token_requests().len()), (0, 0));
    assert!(sandbox.record().exists(), "nothing is erased");
}

#[test]
fn where_a_login_may_start_it_is_one_at_the_new_issuer_with_a_client_of_its_own_rule_12() {
    let (old, new) = pair(Settings::default());
    let sandbox = Sandbox::logged_in(&old);
    let object = refused(&old, &sandbox.generation(), 401, INVALID).to_string();
    move_to(&old, &new);
    let asked = old.count("/mcp");
    let arguments = ["refresh", "--request", "-", "--interactive", "always"];
    let answer = sandbox.person_with(&arguments, object.as_bytes(), Decision::Approve).succeeds();
    assert_eq!((answer.text("source"), answer.text("issuer")), ("login".to_owned(), new.issuer()));
    assert!(old.mcp_accepts(&answer.text("access_token")));
    assert_eq!((old.refreshes().len(), old.registrations().len(), new.registrations().len()), (0, 1, 1));
    assert_eq!(old.count("/mcp"), asked, "the challenge was handed over: the server is not asked again");
    sandbox.refresh().succeeds();
    assert_eq!((old.refreshes().len(), new.refreshes().len()), (0, 1));
}

#[test]
fn a_server_that_has_not_moved_costs_one_look_at_its_metadata_and_is_renewed() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = server.requests().len();
    let object = refused(&server, &sandbox.generation(), 401, INVALID);
    assert_eq!(ask(&sandbox, &["refresh"], &object).succeeds().text("source"), "refreshed");
    assert_eq!(server.requests().len(), before + 2, "metadata and refresh");
    let again = ask(&sandbox, &["refresh"], &object).succeeds();
    assert_eq!(again.text("source"), "already_rotated");
    assert_eq!(server.requests().len(), before + 2, "what is replaced already costs nothing");
}

#[test]
fn metadata_that_cannot_be_had_or_is_elsewhere_does_not_stop_a_renewal() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for place in ["https://mcp.example.com/metadata".to_owned(), format!("{}/nothing", server.origin())] {
        server.reconfigure(|settings| settings.documents.clear());
        let object = json!({
            "server": "demo",
            "rejected": {"generation": sandbox.generation()},
            "response": {"status": 401, "www_authenticate": format!("Bearer resource_metadata=\"{place}\"")}
        });
        assert_eq!(ask(&sandbox, &["refresh"], &object).succeeds().text("source"), "refreshed", "{place}");
    }
}

#[test]
fn a_configured_client_is_not_shown_to_another_issuer_rule_12() {
    let client = Client::confidential("bot", "s3cret-of-the-bot");
    let (old, new) = pair(Settings { clients: vec![client], ..Settings::default() });
    let oauth2 =
        json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret-of-the-bot"});
    let sandbox = Sandbox::configured(&old, &oauth2);
    sandbox.run(&["get", "demo"]).succeeds();
    let object = refused(&old, &sandbox.generation(), 401, INVALID);
    move_to(&old, &new);
    let error = ask(&sandbox, &["refresh"], &object).fails("untrusted_server", 5);
    assert!(error.stderr.contains(&old.issuer()) && error.stderr.contains(&new.issuer()), "{}", error.stderr);
    assert_eq!((old.token_requests().len(), new.token_requests().len()), (1, 0));
}

#[test]
fn what_one_callers_challenge_leads_to_is_no_failure_of_the_others() {
    let client = Client::confidential("bot", "s3cret-of-the-bot");
    let server = serve(Settings { clients: vec![client], ..Settings::default() });
    let oauth2 =
        json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret-of-the-bot"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let foreign = r#"Bearer resource_metadata="https://evil.example/metadata""#;
    let object = json!({"server": "demo", "response": {"status": 401, "www_authenticate": foreign}});
    ask(&sandbox, &["get"], &object).fails("untrusted_server", 5);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "granted");
    assert_eq!(server.token_requests().len(), 1);
}

#[test]
fn what_the_token_endpoint_says_is_shared_whoever_asked() {
    let client = Client::confidential("bot", "s3cret-of-the-bot");
    let server = serve(Settings { clients: vec![client], ..Settings::default() });
    let oauth2 = json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "wrong"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let object = json!({"server": "demo",
        "response": {"status": 401, "www_authenticate": challenge(&server, INVALID)}});
    ask(&sandbox, &["get"], &object).fails("invalid_client", 6);
    sandbox.run(&["get", "demo"]).fails("invalid_client", 6);
    // A machine that needs more than five seconds from one to the other asks twice.
    assert!(server.token_requests().len() <= 2);
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(sandbox.state("oauth/demo.token.json.state")).unwrap())
            .unwrap();
    assert_eq!(state["shared"]["failure"]["code"], json!("invalid_client"));
}
