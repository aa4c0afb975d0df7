//! Links, pipes, sockets, directories and devices where a file of ours should be (case 57): of the kinds that the
//! test around this file names, because only root may make a device.

use crate::support::{Sandbox, server};
use crate::{KINDS, logged_in, refresh};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Puts something of that kind at `path`, whatever is there; a link leads to `victim`.
fn put(kind: &str, path: &Path, victim: &Path) {
    let _ = fs::remove_file(path);
    match kind {
        "link" => symlink(victim, path).unwrap(),
        "broken link" => symlink(victim.with_extension("missing"), path).unwrap(),
        "link to a device" => symlink("/dev/zero", path).unwrap(),
        // The numbers of /dev/zero: whoever reads it never ends.
        "device" => make(Command::new("mknod").args(["-m", "640"]).arg(path).args(["c", "1", "5"])),
        "pipe" => make(Command::new("mkfifo").args(["-m", "640"]).arg(path)),
        // By a listener only where the path is short.
        "socket" => mknodat(CWD, path, FileType::Socket, Mode::from(0o640), 0).unwrap(),
        _ => fs::create_dir(path).unwrap(),
    }
}

fn make(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}; only root may make a device");
}

/// What a user is told to do about it.
fn way_out(kind: &str) -> &'static str {
    if kind.contains("link") { "remove the link" } else { "move it away" }
}

/// It is there as it was put there, and then it is not.
#[track_caller]
fn take_away(kind: &str, path: &Path) {
    let found = fs::symlink_metadata(path).unwrap();
    let (is_kind, mode) = match kind {
        "device" => (found.file_type().is_char_device(), Some(0o640)),
        "pipe" => (found.file_type().is_fifo(), Some(0o640)),
        "socket" => (found.file_type().is_socket(), None),
        "directory" => (found.is_dir(), None),
        _ => (found.is_symlink(), None),
    };
    assert!(is_kind && mode.is_none_or(|mode| found.mode() & 0o777 == mode), "{kind}: {found:?}");
    fs::remove_file(path).or_else(|_| fs::remove_dir(path)).unwrap();
}

/// A file that nobody may touch: the good content of what is replaced, so that following the link would work.
fn victim(sandbox: &Sandbox, of: &Path) -> (PathBuf, Vec<u8>) {
    let victim = sandbox.home().join("victim");
    let content = fs::read(of).unwrap_or_else(|_| b"precious".to_vec());
    fs::write(&victim, &content).unwrap();
    (victim, content)
}

#[track_caller]
fn untouched(victim: &(PathBuf, Vec<u8>)) {
    assert_eq!(fs::read(&victim.0).unwrap(), victim.1);
    assert!(!victim.0.with_extension("missing").exists());
}

#[test]
fn case_57_a_record_that_is_no_file_is_refused_by_every_verb_without_a_hang() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    let victim = victim(&sandbox, &sandbox.record());
    for kind in KINDS {
        put(kind, &sandbox.record(), &victim.0);
        for verb in ["get", "refresh", "erase", "login"] {
            let refused = sandbox.run(&[verb, "demo"]).fails("insecure_storage", 5);
            assert!(refused.stderr.contains(way_out(kind)), "{kind} {verb}: {}", refused.stderr);
        }
        sandbox.run(&["status", "demo"]).succeeds();
        untouched(&victim);
        take_away(kind, &sandbox.record());
    }
    assert_eq!((server.token_requests().len(), sandbox.opened().len()), (1, 0));
}

#[test]
fn case_57_a_key_or_a_client_that_is_no_file_is_refused() {
    let server = server(3600);
    for file in ["key.bin", "oauth/demo.client.json"] {
        let (sandbox, held) = logged_in(&server);
        let path = sandbox.state(file);
        let victim = victim(&sandbox, &path);
        for kind in KINDS {
            put(kind, &path, &victim.0);
            refresh(&sandbox, &held).fails("insecure_storage", 5);
            sandbox.run(&["login", "demo"]).fails("insecure_storage", 5);
            untouched(&victim);
            take_away(kind, &path);
        }
        assert_eq!(sandbox.opened(), [""; 0], "{file}");
    }
    assert_eq!(server.refreshes().len(), 0);
}

#[test]
fn case_57_what_stands_in_the_way_of_a_refresh_is_refused_before_the_token_is_spent() {
    let server = server(3600);
    for suffix in ["next", "intent"] {
        let (sandbox, held) = logged_in(&server);
        let path = sandbox.state(&format!("oauth/demo.token.json.{suffix}"));
        let victim = victim(&sandbox, &path);
        for kind in KINDS {
            put(kind, &path, &victim.0);
            refresh(&sandbox, &held).fails("insecure_storage", 5);
            untouched(&victim);
            take_away(kind, &path);
            fs::remove_file(sandbox.state("oauth/demo.token.json.state")).unwrap();
        }
        assert_eq!(server.refreshes().len(), 0, "{suffix}");
    }
}

#[test]
fn case_57_a_lock_that_is_no_file_is_refused_before_anything_is_spent_and_left_as_it_is() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    for (suffix, verbs) in [("lock", &["refresh", "erase"][..]), ("login", &["login"])] {
        let path = sandbox.state(&format!("oauth/demo.token.json.{suffix}"));
        let victim = victim(&sandbox, &path);
        for kind in KINDS {
            put(kind, &path, &victim.0);
            for verb in verbs {
                let refused = match *verb {
                    "refresh" => refresh(&sandbox, &held),
                    verb => sandbox.run(&[verb, "demo", "--timeout", "60"]),
                };
                let refused = refused.fails("insecure_storage", 5);
                for said in [&*path.display().to_string(), way_out(kind)] {
                    assert!(refused.stderr.contains(said), "{kind} {verb}: {refused:?}");
                }
            }
            untouched(&victim);
            take_away(kind, &path);
            sandbox.forget_state();
        }
    }
    assert_eq!((server.refreshes().len(), sandbox.opened().len()), (0, 0));
    refresh(&sandbox, &held).succeeds();
}

#[test]
fn case_57_the_lock_of_the_configuration_that_is_no_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", "https://mcp.example.com/mcp"]).succeeds();
    let path = sandbox.state("config.json.lock");
    let victim = victim(&sandbox, &path);
    for kind in KINDS {
        put(kind, &path, &victim.0);
        let refused = sandbox.run(&["add", "other", "https://mcp.example.com/mcp"]);
        assert!(refused.fails("insecure_storage", 5).stderr.contains(way_out(kind)), "{kind}");
        untouched(&victim);
        take_away(kind, &path);
    }
    assert!(!fs::read_to_string(sandbox.state("config.json")).unwrap().contains("other"));
}

#[test]
fn case_57_the_state_that_may_be_lost_is_replaced_never_followed() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    let path = sandbox.state("oauth/demo.token.json.state");
    let victim = victim(&sandbox, &path);
    server.go_offline();
    for kind in KINDS.into_iter().filter(|kind| *kind != "directory") {
        put(kind, &path, &victim.0);
        refresh(&sandbox, &held).fails("unavailable", 75);
        untouched(&victim);
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{kind}");
        let status = sandbox.run(&["status", "demo", "--format", "json"]).succeeds().json();
        assert_eq!(status["last_error"]["code"], "unavailable", "{kind}");
    }
}

#[test]
fn case_57_a_configuration_that_is_a_pipe_or_a_device_is_refused_without_a_hang() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", "https://mcp.example.com/mcp"]).succeeds();
    let path = sandbox.state("config.json");
    let victim = victim(&sandbox, &path);
    // A link of a person's own is followed.
    for kind in KINDS.into_iter().filter(|kind| !["link", "broken link"].contains(kind)) {
        put(kind, &path, &victim.0);
        sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
        sandbox.run(&["add", "other", "https://mcp.example.com/mcp"]).fails("config_invalid", 2);
        take_away(kind, &path);
    }
    untouched(&victim);
}

#[test]
fn a_configuration_that_a_person_linked_from_elsewhere_keeps_its_link() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", "https://mcp.example.com/mcp"]).succeeds();
    let (path, own) = (sandbox.state("config.json"), sandbox.home().join("dotfiles.json"));
    fs::rename(&path, &own).unwrap();
    symlink(&own, &path).unwrap();
    sandbox.run(&["add", "other", "https://mcp.example.com/mcp"]).succeeds();
    assert_eq!(fs::read_link(&path).unwrap(), own);
    assert!(fs::read_to_string(&own).unwrap().contains("other"));
}
