//! What people do with their servers: add, remove, list, look. And what a wrong configuration is told.

mod config;
mod help;
mod look;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::fs;
use support::{Sandbox, server};

const URL: &str = "https://mcp.example.com/mcp";

fn config(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&fs::read_to_string(sandbox.state("config.json")).unwrap()).unwrap()
}

#[test]
fn a_server_is_added_once_and_the_next_step_is_named() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["add", "demo", "https://MCP.Example.com:443/mcp"]).succeeds();
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.ends_with("next: mcp-credential login demo\n"), "{}", ran.stderr);
    assert_eq!(config(&sandbox), json!({"servers": {"demo": {"url": URL}}}));
    let before = fs::metadata(sandbox.state("config.json")).unwrap().modified().unwrap();
    sandbox.run(&["add", "demo", URL]).succeeds();
    let after = fs::metadata(sandbox.state("config.json")).unwrap().modified().unwrap();
    assert_eq!(after, before, "nothing is written where nothing changes");
}

#[test]
fn options_stand_where_the_configuration_has_them_and_are_checked() {
    let sandbox = Sandbox::new();
    let bot = ["--grant", "client_credentials", "--client-id", "bot", "--client-secret-env", "BOT_SECRET"];
    let more = ["--scope", "a b", "--token-url", "https://idp.example.com/token"];
    let ran = sandbox.run(&[&["add", "bot", URL][..], &bot, &more].concat()).succeeds();
    assert!(ran.stderr.ends_with("next: mcp-credential get bot\n"), "{}", ran.stderr);
    let oauth2 = json!({"clientId": "bot", "clientSecretEnv": "BOT_SECRET", "scope": "a b",
        "grant": "client_credentials", "tokenUrl": "https://idp.example.com/token"});
    assert_eq!(config(&sandbox)["servers"]["bot"]["oauth2"], oauth2);
    sandbox.run(&["add", "bot", URL, "--client-secret-file", "/run/secrets/bot"]).succeeds();
    let oauth2 = &config(&sandbox)["servers"]["bot"]["oauth2"];
    assert_eq!(
        (&oauth2["clientSecretFile"], oauth2.get("clientSecretEnv")),
        (&json!("/run/secrets/bot"), None)
    );
    let before = config(&sandbox);
    for (option, value) in [
        ("--grant", "password"),
        ("--token-url", "http://idp.example.com/token"),
        ("--authorization-url", "javascript:alert(1)"),
        ("--issuer", "idp"),
        ("--scope", "a\"b"),
        ("--client-secret-file", "relative"),
        ("--client-secret-env", "A-B"),
        ("--client-metadata-url", "http://corp.example.com"),
        ("--allow-private-host", "https://x"),
        ("--private-key-file", "relative"),
        ("--trusted-issuer", "idp"),
    ] {
        let refused = sandbox.run(&["add", "bot", URL, option, value]).fails("config_invalid", 2);
        assert!(refused.stderr.contains(&format!("`{option}` ")), "{option}: {}", refused.stderr);
        assert!(!refused.stderr.contains("config.json"), "nothing stands there: {}", refused.stderr);
        assert_eq!(config(&sandbox), before, "{option}");
    }
}

#[test]
fn a_change_that_is_refused_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "../demo", URL]).fails("usage", 2);
    sandbox.run(&["add", "demo", "mcp.example.com"]).fails("config_invalid", 2);
    sandbox.run(&["add", "demo", URL, "--grant", "password"]).fails("config_invalid", 2);
    sandbox.run(&["remove", "demo"]).fails("not_found", 3);
    assert!(!sandbox.state("").exists());
}

#[test]
fn case_6_there_is_no_option_for_a_secret() {
    let sandbox = Sandbox::new();
    for typed in [&["--client-secret", "hunter2"][..], &["--client-secret=hunter2"], &["--client-secret"]] {
        let refused = sandbox.run(&[&["add", "demo", URL][..], typed].concat());
        assert_eq!((refused.status, sandbox.state("").exists()), (2, false));
        assert!(refused.stderr.contains("`--client-secret-file`"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}

#[test]
fn case_6_a_secret_in_the_place_of_a_variables_name_is_not_shown() {
    let sandbox = Sandbox::new();
    for secret in ["hunter2", "kX9hunter2qQ", "2hunter", &"A".repeat(80)] {
        let bot = json!({"clientId": "bot", "grant": "client_credentials", "clientSecretEnv": secret});
        let url = "http://127.0.0.1:9/mcp";
        sandbox.write_config(&json!({"servers": {"bot": {"url": url, "oauth2": bot}}}));
        for arguments in [&["get", "bot"][..], &["status", "bot"], &["get", "bot", "--log", "trace"]] {
            let ran = sandbox.run(arguments);
            assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{arguments:?} {ran:?}");
        }
    }
}

#[test]
fn a_name_that_stands_for_another_url_is_not_pointed_elsewhere() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    let before = fs::read(sandbox.state("config.json")).unwrap();
    let refused = sandbox.run(&["add", "demo", "https://evil.example/mcp"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains("mcp-credential remove demo"), "{}", refused.stderr);
    assert_eq!(fs::read(sandbox.state("config.json")).unwrap(), before);
}

#[test]
fn cases_4_and_5_what_is_no_url_of_a_server_is_refused_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    for url in [
        "",
        "mcp.example.com/mcp",
        "https://",
        "ftp://mcp.example.com/mcp",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://mcp.example.com/mcp",
        "http://127.0.0.1.example.com/mcp",
        "https://user:hunter2@mcp.example.com/mcp",
        "https://mcp.example.com/mcp#part",
        "https://mcp.example.com/\u{1b}[31m\n",
    ] {
        let refused = sandbox.run(&["add", "--", "demo", url]).fails("config_invalid", 2);
        assert!(
            !refused.stderr.contains('\u{1b}') && !refused.stderr.contains("hunter2"),
            "{url}: {refused:?}"
        );
        assert!(!sandbox.state("config.json").exists(), "{url}");
    }
    for (name, url) in
        [("a", "http://0x7f.1:9/mcp"), ("b", "http://127.1:9/mcp"), ("c", "http://[::1]:9/mcp")]
    {
        sandbox.run(&["add", name, url]).succeeds();
    }
    assert_eq!(config(&sandbox)["servers"]["a"]["url"], "http://127.0.0.1:9/mcp");
}

#[test]
fn case_3_names_that_differ_only_in_case_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    let refused = sandbox.run(&["add", "Demo", URL]).fails("config_invalid", 2);
    assert!(
        refused.stderr.contains("`Demo`") && refused.stderr.contains("servers.demo"),
        "{}",
        refused.stderr
    );
    sandbox.run(&["get", "DEMO"]).fails("config_invalid", 2);
    for name in ["a/b", "con", "-x", "a b", "x.json", "a@b@c"] {
        sandbox.run(&["add", "--", name, URL]).fails("usage", 2);
    }
    assert_eq!(config(&sandbox)["servers"].as_object().unwrap().len(), 1);
    sandbox.run(&["add", "demo@work", URL]).succeeds();
}

#[test]
fn a_file_that_somebody_wrote_keeps_what_is_in_it_and_its_order() {
    let sandbox = Sandbox::new();
    let zed = json!({"url": URL, "oauth2": {"clientName": "Zed"}});
    let text = json!({"$schema": "x", "servers": {"zed": zed}, "defaults": {"timeoutSeconds": 3}});
    sandbox.write_config(&text);
    sandbox.run(&["add", "alpha", URL]).succeeds();
    let written = fs::read_to_string(sandbox.state("config.json")).unwrap();
    let place = |key: &str| written.find(&format!("\"{key}\"")).unwrap();
    let keys = ["$schema", "servers", "zed", "clientName", "alpha", "defaults", "timeoutSeconds"];
    assert!(keys.is_sorted_by_key(|key| place(key)), "{written}");
    sandbox.run(&["remove", "alpha"]).succeeds();
    assert_eq!(config(&sandbox), text);
}

#[test]
fn many_servers_added_at_once_are_all_there() {
    let sandbox = Sandbox::new();
    let children: Vec<_> =
        (0..16).map(|number| sandbox.start(&["add", &format!("server-{number}"), URL])).collect();
    for child in children {
        support::end(child).succeeds();
    }
    assert_eq!(config(&sandbox)["servers"].as_object().unwrap().len(), 16);
}

#[test]
fn a_removed_server_is_gone_but_its_login_stays_until_it_is_logged_out() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let ran = sandbox.run(&["remove", "demo"]).succeeds();
    assert!(ran.stderr.contains("mcp-credential logout demo --scope all"), "{}", ran.stderr);
    assert_eq!(config(&sandbox), json!({"servers": {}}));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    let refused = sandbox.run(&["remove", "demo"]).fails("not_found", 3);
    assert!(refused.stderr.contains("demo"), "{}", refused.stderr);
    sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    sandbox.run(&["get", "demo"]).fails("not_found", 3);
}

#[test]
fn an_entry_that_is_wrong_can_be_removed() {
    let sandbox = Sandbox::new();
    let wrong = json!({"url": URL, "oauth2": {"scop": "x"}});
    sandbox.write_config(&json!({"servers": {"demo": wrong, "other": {"url": URL}}}));
    sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    sandbox.run(&["remove", "demo"]).succeeds();
    assert_eq!(config(&sandbox), json!({"servers": {"other": {"url": URL}}}));
    sandbox.run(&["remove", "../x"]).fails("usage", 2);
}

#[test]
fn a_login_that_stays_is_told_also_where_the_configuration_is_wrong() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url()}}, "defaults": {"timout": 1}}));
    sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    let ran = sandbox.run(&["remove", "demo"]).succeeds();
    assert!(
        ran.stderr.ends_with("its login is still stored: mcp-credential logout demo --scope all\n"),
        "{ran:?}"
    );
}

#[test]
fn removing_names_the_near_ones() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["remove", "demo"]).fails("not_found", 3);
    assert!(refused.stderr.contains("`mcp-credential list`"), "{}", refused.stderr);
    sandbox.run(&["add", "demo", URL]).succeeds();
    let refused = sandbox.run(&["remove", "dmeo"]).fails("not_found", 3);
    assert!(refused.stderr.contains("did you mean `demo`?"), "{}", refused.stderr);
    let ran = sandbox.run(&["remove", "demo"]).succeeds();
    assert_eq!(ran.stderr, "mcp-credential: demo is no longer configured\n");
}
