//! The key is born once, and a lost one is never replaced in silence.

mod support;

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
