//! The key is born once, and a lost one is never replaced in silence.

mod support;

use oauthserver::Client;
use support::{Sandbox, server};

#[test]
fn a_lost_key_is_not_replaced_because_one_server_keeps_its_records_elsewhere() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let elsewhere = sandbox.home().join("elsewhere");
    let other = serde_json::json!({"servers": {
        "demo": {"url": server.mcp_url()},
        "other": {"url": server.mcp_url(), "oauth2": {"tokenCacheDir": elsewhere}}}});
    std::fs::write(sandbox.state("config.json"), other.to_string()).unwrap();
    std::fs::remove_file(sandbox.state("key.bin")).unwrap();
    sandbox.run(&["login", "other", "--timeout", "20"]).fails("cache_damaged", 5);
    assert!(!sandbox.state("key.bin").exists());
}

#[test]
fn a_lost_key_that_the_records_of_another_server_need_is_not_replaced_wherever_they_lie() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.home().join("elsewhere");
    let config = serde_json::json!({"servers": {
        "demo": {"url": server.mcp_url()},
        "other": {"url": server.mcp_url(), "oauth2": {"tokenCacheDir": elsewhere}}}});
    sandbox.write_config(&config);
    sandbox.login("other").succeeds();
    let before = sandbox.opened().len();
    let (key, backup) = (sandbox.state("key.bin"), sandbox.state("key.backup"));
    std::fs::rename(&key, &backup).unwrap();
    let machine = Client::confidential("machine", "s3cret");
    server.reconfigure(|settings| settings.clients.push(machine));
    sandbox.run(&["login", "demo", "--timeout", "20"]).fails("cache_damaged", 5);
    // A grant without a person makes its key in the process that renews.
    let machine = sandbox
        .variable("OAUTH2_GRANT", "client_credentials")
        .variable("OAUTH2_CLIENT_ID", "machine")
        .variable("OAUTH2_CLIENT_SECRET", "s3cret");
    machine.run(&["get", "demo", "--timeout", "60"]).fails("cache_damaged", 5);
    assert!(!key.exists() && machine.opened().len() == before);
    let sandbox = machine.without_variables();
    std::fs::rename(&backup, &key).unwrap();
    sandbox.run(&["get", "other"]).succeeds();
}
