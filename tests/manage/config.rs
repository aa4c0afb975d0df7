//! A wrong configuration: the message names the key and what to do, whoever reads it.

use crate::URL;
use crate::support::{Sandbox, server};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn with(demo: &Value) -> Value {
    json!({"servers": {"demo": demo}})
}

fn oauth2(block: &Value) -> Value {
    with(&json!({"url": URL, "oauth2": block}))
}

#[test]
fn each_mistake_is_named_by_its_key_with_the_way_out() {
    let sandbox = Sandbox::new();
    for (config, key, fix) in [
        (with(&json!({})), "servers.demo.url", "is missing; it is the URL of the MCP server"),
        (
            with(&json!({"url": "http://mcp.example.com"})),
            "servers.demo.url",
            "is no server URL: it is plain http",
        ),
        (with(&json!({"url": 1})), "servers.demo.url", "must be a text, and is a number"),
        (with(&json!({"url": URL, "scope": "x"})), "servers.demo.scope", "(it belongs inside `oauth2`)"),
        (oauth2(&json!({"clientid": "x"})), "servers.demo.oauth2.clientid", "did you mean `clientId`?"),
        (
            oauth2(&json!({"grant": "jwt_bearer"})),
            "servers.demo.oauth2.assertionFile",
            "assertionEnv, assertionCommand",
        ),
        (oauth2(&json!({"refreshToken": "x"})), "servers.demo.oauth2.clientId", "belongs to the client"),
        (
            oauth2(&json!({"callbackHost": "example.com"})),
            "servers.demo.oauth2.callbackHost",
            "callbackAllowRemote",
        ),
        (oauth2(&json!({"callbackPort": 70000})), "servers.demo.oauth2.callbackPort", "from 0 to 65535"),
        (
            oauth2(&json!({"authStyle": "basic"})),
            "servers.demo.oauth2.authStyle",
            "must be header, body, none or private_key_jwt",
        ),
        (oauth2(&json!({"interactive": "maybe"})), "servers.demo.oauth2.interactive", "must be"),
        (
            oauth2(&json!({"extraParams": {"code": "x"}})),
            "servers.demo.oauth2.extraParams",
            "must not set `code`",
        ),
        (
            oauth2(&json!({"discovery": {"enabled": false}})),
            "servers.demo.oauth2.tokenUrl",
            "discovery is off",
        ),
        (
            oauth2(&json!({"clientId": "x", "clientSecret": "a", "clientSecretEnv": "B"})),
            "servers.demo.oauth2.clientSecret",
            "keep one of",
        ),
        (json!({"defaults": {"timeoutSeconds": 0}}), "defaults.timeoutSeconds", "from 1 to 600"),
        (
            json!({"defaults": {"keySource": "keyring"}}),
            "defaults.keySource",
            "not supported by this version",
        ),
        (json!({"defaults": {"proxi": "x"}}), "defaults.proxi", "did you mean `proxy`?"),
        (json!({"server": {}}), "server", "did you mean `servers`?"),
    ] {
        sandbox.write_config(&config);
        let refused = sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
        for told in [format!("`{key}`"), fix.to_owned(), "config.json".to_owned()] {
            assert!(refused.stderr.contains(&told), "{config}: {told}: {}", refused.stderr);
        }
        assert_eq!(refused.json()["error"]["code"], "config_invalid", "{config}");
    }
}

#[test]
fn case_7_a_key_that_stands_twice_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write_config(&json!({}));
    let text = format!(r#"{{"servers": {{"demo": {{"url": "{URL}", "url": "https://evil.example/mcp"}}}}}}"#);
    fs::write(sandbox.state("config.json"), text).unwrap();
    let refused = sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("`servers.demo.url`") && refused.stderr.contains("is there twice"));
}

#[test]
fn a_file_that_is_no_json_is_not_overwritten_by_add() {
    let sandbox = Sandbox::new();
    sandbox.write_config(&json!({}));
    let path = sandbox.state("config.json");
    for text in ["", "{", "[]", "{\"servers\": []}", "\u{0}\u{1}"] {
        fs::write(&path, text).unwrap();
        sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
        sandbox.run(&["add", "demo", URL]).fails("config_invalid", 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_that_everybody_may_change_is_refused_with_the_command_that_mends_it() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    let path = sandbox.state("config.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    for verb in [&["get", "demo"][..], &["list"], &["login", "demo"], &["add", "x", URL], &["remove", "demo"]]
    {
        let refused = sandbox.run(verb).fails("insecure_storage", 5);
        assert!(refused.stderr.contains(&format!("chmod go-w {}", path.display())), "{}", refused.stderr);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666, "{verb:?}");
    }
}

#[test]
fn the_environment_says_where_things_are() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.home().join("else").join("where");
    let sandbox = sandbox.variable("MCP_CREDENTIAL_HOME", elsewhere.to_str().unwrap());
    sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
    sandbox.login("demo").succeeds();
    assert!(elsewhere.join("oauth/demo.token.json").is_file() && !sandbox.state("").exists());
    let file = sandbox.home().join("my.json");
    let sandbox = sandbox.variable("MCP_CREDENTIAL_CONFIG", file.to_str().unwrap());
    let refused = sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("`MCP_CREDENTIAL_CONFIG`"), "{}", refused.stderr);
    fs::write(&file, with(&json!({"url": server.mcp_url()})).to_string()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn the_environment_does_not_aim_a_configured_server_elsewhere() {
    let sandbox = Sandbox::new().variable("UPSTREAM_URL", "https://evil.example/mcp");
    sandbox.write_config(&with(&json!({"url": URL})));
    let refused = sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains("`UPSTREAM_URL`"), "{}", refused.stderr);
    let sandbox = Sandbox::new().variable("OAUTH2_TOKEN_URL", "https://evil.example/token");
    sandbox.write_config(&oauth2(&json!({"clientId": "x", "clientSecret": "hunter2"})));
    let refused = sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains("`OAUTH2_TOKEN_URL`") && !refused.stderr.contains("hunter2"));
    let same = Sandbox::new().variable("UPSTREAM_URL", "https://MCP.example.com:443/mcp");
    same.write_config(&with(&json!({"url": URL})));
    same.run(&["get", "demo"]).fails("interaction_required", 4);
}

#[test]
fn an_endpoint_of_the_environment_gets_no_code_and_no_client_of_a_configured_server() {
    let (ours, evil) = (server(3600), server(3600));
    for (variable, endpoint) in [
        ("OAUTH2_TOKEN_URL", evil.token_endpoint()),
        ("OAUTH2_AUTHORIZATION_URL", format!("{}/authorize", evil.issuer())),
    ] {
        let sandbox = Sandbox::with(&ours).variable(variable, &endpoint);
        let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).fails("url_mismatch", 5);
        assert!(refused.stderr.contains(&format!("`{variable}`")), "{}", refused.stderr);
        assert_eq!(sandbox.opened(), [""; 0]);
    }
    assert_eq!((ours.requests().len(), evil.requests().len()), (0, 0));
}

#[test]
fn the_environment_alone_can_be_logged_in_with() {
    let server = server(3600);
    let sandbox = Sandbox::new().variable("UPSTREAM_URL", &server.mcp_url());
    sandbox.login("anything").succeeds();
    sandbox.run(&["get", "anything"]).succeeds();
    assert!(!sandbox.state("config.json").exists());
    for (variable, value) in [("OAUTH2_GRANT", "password"), ("OAUTH2_CALLBACK_PORT", "high")] {
        let refused = Sandbox::new()
            .variable("UPSTREAM_URL", URL)
            .variable(variable, value)
            .run(&["get", "anything"])
            .fails("config_invalid", 2);
        assert!(refused.stderr.contains(&format!("`{variable}`")), "{}", refused.stderr);
    }
}

#[test]
fn a_caller_who_must_state_the_url_gets_nothing_without_it() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.write_config(&with(&json!({"url": server.mcp_url(), "requireUrl": true})));
    let refused = sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains("--url"), "{}", refused.stderr);
    sandbox.run(&["get", "demo", "--url", &server.mcp_url()]).succeeds();
    sandbox.variable("CLAUDE_CODE_MCP_SERVER_URL", &server.mcp_url()).run(&["get", "demo"]).succeeds();
}
