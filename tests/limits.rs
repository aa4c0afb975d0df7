//! What a caller leaves behind for the program: little memory, few file descriptors, a strange umask. A clean end,
//! and a store that is as it was.

mod support;

use oauthserver::OAuthServer;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use support::{Ran, Sandbox, end, server};

/// Runs `get` or `refresh` behind `limit`, a line of shell.
fn limited(sandbox: &Sandbox, limit: &str, arguments: &str) -> Ran {
    let mut command = sandbox.shell(&format!("{limit}; exec \"$0\" {arguments}"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    end(command.spawn().unwrap())
}

/// Codes for which the caller may try again, and with which too little of anything may end.
const CODES: [&str; 2] = ["unavailable", "cache_unwritable"];

/// A token, or a failure of one of the codes.
#[track_caller]
fn is_clean(ran: &Ran, limit: &str) {
    match ran.status {
        0 => drop(ran.text("access_token")),
        // A program that has no room to start in, or to go on in, is ended by the system or its loader.
        -1 | 127 => assert_eq!(ran.stdout, "", "{limit}: {ran:?}"),
        75 => {
            let code = ran.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
            assert!(CODES.contains(&code.as_str()), "{limit}: {ran:?}");
            assert!(ran.stderr.ends_with(&format!("[{code}]\n")), "{limit}: {ran:?}");
        }
        _ => panic!("{limit}: {ran:?}"),
    }
}

/// Whatever became of refreshes under limits, no login was lost over them.
#[track_caller]
fn still_refreshes(server: &OAuthServer, sandbox: &Sandbox) {
    sandbox.wait_for_rest();
    sandbox.forget_state();
    let answer = sandbox.refresh().succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!((server.reuses(), sandbox.opened()), (0, vec![]));
}

#[test]
fn few_file_descriptors_are_told_and_cost_no_login_case_77() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let mut statuses = Vec::new();
    for count in 3..16 {
        let limit = format!("ulimit -n {count}");
        let record = fs::read(sandbox.record()).unwrap();
        let fresh = limited(&sandbox, &limit, "get demo --timeout 60");
        is_clean(&fresh, &limit);
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{limit}");
        let refresh = format!("refresh demo --rejected-generation {} --timeout 60", sandbox.generation());
        let ran = limited(&sandbox, &limit, &refresh);
        is_clean(&ran, &limit);
        assert!(!ran.stdout.contains("cache_unwritable"), "the place is not to blame: {ran:?}");
        statuses.extend([fresh.status, ran.status]);
        sandbox.forget_state();
    }
    assert!(statuses.contains(&0) && statuses.iter().any(|status| *status != 0), "{statuses:?}");
    still_refreshes(&server, &sandbox);
}

#[test]
fn little_memory_ends_a_call_and_harms_no_record_case_77() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    let mut statuses = Vec::new();
    for mebibytes in [8, 12, 16, 20, 24, 32, 48, 64, 256] {
        let limit = format!("ulimit -v {}", mebibytes * 1024);
        let fresh = limited(&sandbox, &limit, "get demo --timeout 60");
        is_clean(&fresh, &limit);
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{limit}");
        statuses.push(fresh.status);
    }
    assert!(statuses.contains(&0) && statuses.iter().any(|status| *status != 0), "{statuses:?}");
    still_refreshes(&server, &sandbox);
}

#[test]
fn little_memory_ends_a_refresh_and_costs_no_login_case_77() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let mut statuses = Vec::new();
    for mebibytes in [12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 512] {
        let limit = format!("ulimit -v {}", mebibytes * 1024);
        let refresh = format!("refresh demo --rejected-generation {} --timeout 60", sandbox.generation());
        let ran = limited(&sandbox, &limit, &refresh);
        is_clean(&ran, &limit);
        // A worker that has no room ends before it sends anything, or after it has saved its answer.
        assert_ne!(ran.status, 4, "{limit}: {ran:?}");
        statuses.push(ran.status);
        sandbox.wait_for_rest();
        sandbox.forget_state();
    }
    assert!(statuses.contains(&0) && statuses.iter().any(|status| *status != 0), "{statuses:?}");
    still_refreshes(&server, &sandbox);
}

#[test]
fn a_login_whose_token_could_not_be_stored_asks_nobody_case_72() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    // Enough for a registration, too little for a record.
    let ran = limited(&sandbox, "ulimit -f 8", "login demo --timeout 5").ends("cache_unwritable", 75);
    assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0), "{ran:?}");
    sandbox.login("demo").succeeds();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_of_a_renewal_are_private_whatever_the_umask_case_60() {
    let server = server(3600);
    for umask in ["000", "077", "777"] {
        let sandbox = Sandbox::logged_in(&server);
        // What a renewal makes anew, besides the record.
        for ending in ["lock", "state"] {
            let _ = fs::remove_file(sandbox.state(&format!("oauth/demo.token.json.{ending}")));
        }
        let refresh = format!("refresh demo --rejected-generation {} --timeout 60", sandbox.generation());
        limited(&sandbox, &format!("umask {umask}"), &refresh).succeeds();
        for file in sandbox.files() {
            assert_eq!(mode(&sandbox.state("oauth").join(&file)), 0o600, "{umask} {file}");
        }
        assert_eq!(mode(&sandbox.state("oauth")), 0o700, "{umask}");
    }
}
