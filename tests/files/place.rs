//! The directories: private from birth, refused when they are not, and never found by chance.

use crate::support::{Running, Sandbox, server, wait_for};
use crate::{logged_in, mode, refresh};
use oauthserver::browser;
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn case_59_a_directory_that_others_may_write_to_is_refused_with_the_fix() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    for (place, mode) in [("oauth", 0o777), ("", 0o777), ("oauth", 0o770), ("", 0o702)] {
        let path = sandbox.state(place);
        let path = Path::new(path.to_str().unwrap().trim_end_matches('/'));
        chmod(path, mode);
        for verb in ["get", "refresh", "erase", "login"] {
            let refused = sandbox.run(&[verb, "demo"]).fails("insecure_storage", 5);
            assert!(refused.stderr.contains(&format!("{} can be written", path.display())), "{refused:?}");
            assert!(refused.stderr.contains("run chmod 700 on it"), "{}", refused.stderr);
        }
        let status = sandbox.run(&["status", "demo", "--format", "json"]).succeeds().json();
        assert_eq!(status["problem"]["code"], "insecure_storage");
        chmod(path, 0o700);
    }
    refresh(&sandbox, &held).succeeds();
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn case_59_a_file_that_others_may_read_is_tightened_with_a_warning() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    for file in ["oauth/demo.token.json", "key.bin"] {
        let path = sandbox.state(file);
        chmod(&path, 0o644);
        let ran = sandbox.run(&["get", "demo", "--log", "warn"]).succeeds();
        let warned = format!("{} was open to other users; its mode is now 0600", path.display());
        assert!(ran.stderr.contains(&warned) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
        assert_eq!(mode(&path), 0o600);
        chmod(&path, 0o640);
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().stderr, "", "silent on success");
        assert_eq!(mode(&path), 0o600);
    }
}

/// A login and a refresh under that umask; `look` sees the store while the refresh is under way.
fn under_umask(umask: &str, server: &OAuthServer, look: impl Fn(&Sandbox)) {
    let sandbox = Sandbox::new();
    let start = |arguments: &[&str]| {
        let mut command = sandbox.shell(&format!("umask {umask}; exec \"$0\" \"$@\""));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::watch(command.spawn().unwrap())
    };
    let login = start(&["login", "demo", "--url", &server.mcp_url()]);
    let url = sandbox.asked_url();
    look(&sandbox);
    browser::visit(&url).unwrap();
    login.end().succeeds();
    look(&sandbox);
    let held = start(&["get", "demo"]).end().succeeds().text("generation");
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let refresh = start(&["refresh", "demo", "--rejected-generation", &held, "--timeout", "60"]);
    assert!(server.wait_for(|log| log.held() == 1, crate::support::PATIENCE));
    let files = sandbox.files();
    assert!(["next", "intent"].iter().all(|end| files.iter().any(|name| name.ends_with(end))), "{files:?}");
    look(&sandbox);
    server.release();
    refresh.end().succeeds();
    look(&sandbox);
}

#[test]
fn case_60_what_is_missing_above_a_place_is_private_and_usable_whatever_the_umask() {
    for umask in ["000", "0277", "0777"] {
        let sandbox = Sandbox::new();
        let above = ["a", "a/b", "a/b/c"].map(|path| sandbox.home().join(path));
        let mut command =
            sandbox.shell(&format!("umask {umask}; exec \"$0\" add demo https://mcp.example.com/mcp"));
        command.env("MCP_CREDENTIAL_HOME", &above[2]);
        crate::support::ran(command.output().unwrap()).succeeds();
        for directory in above {
            assert_eq!(mode(&directory), 0o700, "{umask} {}", directory.display());
        }
    }
}

#[test]
fn case_60_files_and_directories_are_private_from_birth_whatever_the_umask() {
    for umask in ["000", "077", "022", "0277", "0777"] {
        under_umask(umask, &server(3600), |sandbox| {
            assert_eq!(mode(&sandbox.state("oauth").join("..")), 0o700);
            assert_eq!(mode(&sandbox.state("oauth")), 0o700);
            for path in everything(&sandbox.state("")) {
                // A draft may have taken its place meanwhile.
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                let wanted = if found.is_dir() { 0o700 } else { 0o600 };
                assert_eq!(found.permissions().mode() & 0o7777, wanted, "{umask} {}", path.display());
            }
        });
    }
}

fn everything(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn case_61_a_relative_place_is_refused_and_nothing_is_made_of_it() {
    const VERBS: [&[&str]; 4] = [&["get", "demo"], &["list"], &["erase", "demo"], &["status", "demo"]];
    let server = server(3600);
    for variable in ["HOME", "MCP_CREDENTIAL_HOME", "MCP_CREDENTIAL_CONFIG", "OAUTH2_TOKEN_CACHE_DIR"] {
        let sandbox = Sandbox::new();
        let here = sandbox.home().join("here");
        fs::create_dir(&here).unwrap();
        for value in ["relative", ".", "./x", "../x"] {
            for arguments in VERBS.iter().chain(&[&["login", "demo", "--url", &server.mcp_url()][..]]) {
                let mut command = sandbox.command(arguments);
                let ran =
                    crate::support::ran(command.env(variable, value).current_dir(&here).output().unwrap());
                let refused = ran.fails("config_invalid", 2);
                assert!(refused.stderr.contains(&format!("`{variable}`")), "{refused:?}");
            }
        }
        assert_eq!(fs::read_dir(&here).unwrap().count(), 0, "{variable}");
        assert!(!sandbox.home().join("x").exists() && !here.join("relative").exists());
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn case_61_a_home_that_cannot_be_written_is_told_before_anybody_is_asked() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    // Nobody can make a directory there, not even root.
    let sandbox = sandbox.variable("HOME", "/proc").variable("UPSTREAM_URL", &server.mcp_url());
    let refused = sandbox.run(&["login", "demo"]).fails("cache_unwritable", 75);
    assert!(refused.stderr.contains("/proc/.mcp-credential"), "{}", refused.stderr);
    sandbox.run(&["add", "demo", &server.mcp_url()]).fails("cache_unwritable", 75);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!((server.requests().len(), sandbox.opened().len()), (0, 0));
}

#[test]
fn case_61_a_home_that_is_no_directory_is_told() {
    let sandbox = Sandbox::new().variable("HOME", "/dev/null");
    let refused = sandbox.run(&["add", "demo", "https://mcp.example.com/mcp"]);
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("/dev/null/.mcp-credential"), "{refused:?}");
}

#[test]
fn a_state_directory_that_was_made_by_hand_is_used_as_it_is() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.state("")).unwrap();
    chmod(&sandbox.state("").join("."), 0o755);
    sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
    sandbox.login("demo").succeeds();
    assert_eq!(mode(&sandbox.state("oauth")), 0o700);
    let record = wait_for("the record", || sandbox.record().exists().then(|| mode(&sandbox.record())));
    assert_eq!(record, 0o600);
}
