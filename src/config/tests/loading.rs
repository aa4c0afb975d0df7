//! Which entry is found, and where.

use super::*;

#[test]
fn a_server_of_the_file_is_found_by_its_name() {
    let home = Home::with_entry(r#"{"url":"https://mcp.example.com/mcp"}"#);
    let loaded = home.load("x").unwrap();
    assert_eq!(loaded.server.unwrap().url, "https://mcp.example.com/mcp");
    assert!(loaded.from_file);
}
