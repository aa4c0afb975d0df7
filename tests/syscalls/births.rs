//! What is created is private at its birth, by the mode of the call itself: a mode that is mended a moment later
//! leaves a moment in which others can open the file.

use crate::strace::{CREATE, start};
use crate::support::{Sandbox, end, server};
use oauthserver::browser;
use std::fs;

#[test]
fn what_is_created_is_private_from_birth_and_never_through_a_link_case_60() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let login = ["login", "demo", "--url", &server.mcp_url(), "--timeout", "60"];
    let child = start(&sandbox, &[format!("--trace={CREATE}")], &login);
    browser::visit(&sandbox.asked_url()).unwrap();
    end(child).succeeds();
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    let ours = sandbox.state("");
    let ours = ours.to_str().unwrap().trim_end_matches('/');
    let (mut files, mut directories) = (0, 0);
    for line in log.lines().filter(|line| line.contains(ours)) {
        if line.contains("mkdir") {
            directories += 1;
            assert!(line.contains(", 0700"), "{line}");
        } else if line.contains("O_CREAT") {
            files += 1;
            assert!(line.contains(", 0600") && line.contains("O_NOFOLLOW"), "{line}");
        }
    }
    assert!(files >= 5 && directories >= 2, "{log}");
}
