//! Headers for the request that a caller names in a request object.

use super::*;

/// A call that names the request to the MCP endpoint, with more of a request object.
fn named(server: &OAuthServer, sandbox: &Sandbox, arguments: &[&str], more: &Value) -> Ran {
    let mut object = json!({"http": {"method": "POST", "url": server.mcp_url()}});
    merge(&mut object, more);
    sandbox.run_with(&[arguments, &["--request", "-"]].concat(), object.to_string().as_bytes())
}

/// Lays `more` over `object`, one level deep.
fn merge(object: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        match (object.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(old), Some(new)) => old.extend(new.clone()),
            _ => object[name] = value.clone(),
        }
    }
}

/// What the MCP endpoint says to a request with exactly these headers: status, challenge, nonce.
fn sent(server: &OAuthServer, headers: &Value) -> (u16, String, String) {
    let mut all = vec![("Content-Type", "application/json")];
    all.extend(
        headers.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())),
    );
    let page = browser::post(&server.mcp_url(), &all, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).unwrap();
    let header = |name| page.header(name).unwrap_or_default().to_owned();
    (page.status, header("www-authenticate"), header("dpop-nonce"))
}

#[test]
fn the_headers_of_an_answer_are_good_for_the_request_that_was_named_and_once() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let first = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    assert_eq!((&first["token_type"], &first["source"]), (&json!("DPoP"), &json!("cache")));
    assert_eq!(sent(&server, &first["headers"]).0, 200);
    assert_eq!(sent(&server, &first["headers"]).0, 401, "a proof is good for one request");
    let second = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    assert_eq!(second["access_token"], first["access_token"]);
    assert_eq!(sent(&server, &second["headers"]).0, 200, "each answer has a proof of its own");
    let other = json!({"http": {"method": "GET"}});
    let third = named(&server, &sandbox, &["get", "demo"], &other).succeeds().json();
    assert_eq!(sent(&server, &third["headers"]).0, 401, "the proof is for another method");
}

#[test]
fn header_consumers_get_both_headers_where_they_name_their_request() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let headers =
        named(&server, &sandbox, &["get", "demo", "--format", "headers"], &json!({})).succeeds().json();
    assert_eq!(sent(&server, &headers).0, 200);
    let lines =
        named(&server, &sandbox, &["get", "demo", "--format", "header"], &json!({})).succeeds().stdout;
    let pairs: Vec<(String, Value)> = lines
        .lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    assert_eq!(pairs.len(), 2, "{lines}");
    assert_eq!(sent(&server, &Value::Object(pairs.into_iter().collect())).0, 200);
}

#[test]
fn the_nonce_of_the_server_is_handed_in_once_and_kept() {
    let server = server(Dpop { mcp_nonce: true, ..REQUIRED });
    let sandbox = Sandbox::logged_in(&server);
    let first = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    let (status, challenge, nonce) = sent(&server, &first["headers"]);
    assert_eq!((status, nonce.as_str()), (401, "mcp-nonce-0"));
    let told = json!({
        "rejected": {"generation": first["generation"]},
        "response": {"status": 401, "www_authenticate": [challenge]},
        "http": {"dpop_nonce": nonce},
    });
    for verb in ["refresh", "get"] {
        let again = named(&server, &sandbox, &[verb, "demo"], &told).succeeds().json();
        assert_eq!(again["access_token"], first["access_token"], "{verb}: the token was good");
        assert_eq!(sent(&server, &again["headers"]).0, 200, "{verb}");
    }
    assert_eq!(server.refreshes().len(), 0);
    let later = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    assert_eq!(sent(&server, &later["headers"]).0, 200, "the nonce is kept");
    sandbox.forget_state();
    let lost = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    assert_eq!(sent(&server, &lost["headers"]).0, 401, "and losing it costs one more round");
}

#[test]
fn no_proof_is_made_for_another_origin() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let elsewhere = json!({"http": {"url": "https://evil.example/mcp"}});
    let refused = named(&server, &sandbox, &["get", "demo"], &elsewhere);
    assert_eq!(refused.status, 5, "{refused:?}");
    assert!(!refused.stdout.contains("eyJ"));
}

#[test]
fn a_bearer_token_needs_no_proof_whatever_is_named() {
    let server = server(Dpop::default());
    let sandbox = Sandbox::logged_in(&server);
    let answer = named(&server, &sandbox, &["get", "demo"], &json!({})).succeeds().json();
    assert_eq!(answer["headers"].as_object().unwrap().len(), 1);
}

#[test]
fn a_challenge_that_the_caller_hands_over_is_a_demand_too() {
    let silent = Patch::new().remove("dpop_bound_access_tokens_required");
    let quiet = Dpop { bearer_challenge: true, ..REQUIRED };
    let server = serve(Settings { dpop: quiet, resource_metadata: silent, ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    let metadata =
        format!("{}{}", server.origin(), server.document_path(oauthserver::Document::ResourcePath));
    let told = json!({"response": {
        "status": 401,
        "www_authenticate": [format!("DPoP algs=\"ES256\", resource_metadata=\"{metadata}\"")],
    }});
    let mut object = json!({"http": {"method": "POST", "url": server.mcp_url()}});
    merge(&mut object, &told);
    let ran = sandbox.person_with(
        &["get", "demo", "--interactive", "always", "--request", "-"],
        object.to_string().as_bytes(),
        browser::Decision::Approve,
    );
    let answer = ran.succeeds().json();
    assert_eq!(answer["token_type"], "DPoP");
    assert_eq!(sent(&server, &answer["headers"]).0, 200);
}
