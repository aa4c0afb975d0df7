//! Files and directories of other users (case 59), and a user without a home (case 61): nobody but root
//! may give a file away, or be somebody else.

use crate::support::{PROGRAM, Ran, Sandbox, ran, server};
use crate::{logged_in, refresh};
use oauthserver::OAuthServer;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user that no machine knows: without an entry among the accounts.
const NOBODY_KNOWN: u32 = 54_321;

fn give_away(path: &Path, owner: u32) {
    chown(path, Some(owner), Some(owner)).expect("this test needs root");
}

/// Every verb that reads or writes the store refuses it, names `path` and says what to do.
#[track_caller]
fn is_refused(sandbox: &Sandbox, verbs: &[&str], path: &Path) {
    for verb in verbs {
        let refused = sandbox.run(&[verb, "demo", "--timeout", "60"]).fails("insecure_storage", 5);
        assert!(
            refused.stderr.contains(&format!("{} belongs to another user", path.display())),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("give it to yourself with chown"), "{refused:?}");
    }
}

/// Gives `path` to somebody else, looks, and takes it back.
#[track_caller]
fn belongs_to_another(sandbox: &Sandbox, verbs: &[&str], path: &Path) {
    let before = (fs::metadata(path).unwrap().uid(), fs::metadata(path).unwrap().mode());
    give_away(path, NOBODY_KNOWN);
    is_refused(sandbox, verbs, path);
    let after = fs::metadata(path).unwrap();
    assert_eq!((after.uid(), after.mode()), (NOBODY_KNOWN, before.1), "it was left as it is");
    give_away(path, before.0);
    sandbox.forget_state();
}

#[test]
fn case_59_a_directory_of_another_user_is_refused_with_the_fix() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    for directory in [sandbox.state("oauth"), sandbox.home().join(".mcp-credential")] {
        belongs_to_another(&sandbox, &["get", "refresh", "erase", "login"], &directory);
    }
    assert_eq!((server.refreshes().len(), sandbox.opened().len()), (0, 0));
    refresh(&sandbox, &held).succeeds();
}

#[test]
fn case_59_a_file_of_another_user_is_refused_with_the_fix() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    refresh(&sandbox, &held).succeeds();
    let before = server.token_requests().len();
    for (file, verbs) in [
        ("oauth/demo.token.json", &["get", "refresh", "erase", "login"][..]),
        ("oauth/demo.token.json.lock", &["erase"]),
        ("oauth/demo.token.json.login", &["login"]),
        ("oauth/demo.client.json", &["login"]),
        ("key.bin", &["get", "refresh", "login"]),
    ] {
        belongs_to_another(&sandbox, verbs, &sandbox.state(file));
    }
    assert_eq!((server.token_requests().len(), sandbox.opened().len()), (before, 0));
    sandbox.refresh().succeeds();
}

#[test]
fn case_59_root_leaves_nothing_in_the_home_of_another_user() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    give_away(sandbox.home(), NOBODY_KNOWN);
    let sandbox = sandbox.variable("SUDO_UID", &NOBODY_KNOWN.to_string());
    let add = ["add", "demo", &server.mcp_url()];
    for command in [&add[..], &["login", "demo", "--url", &server.mcp_url()], &["get", "demo"]] {
        let refused = sandbox.run(command).fails("insecure_storage", 5);
        assert!(refused.stderr.contains("run this without sudo"), "{refused:?}");
    }
    assert!(!sandbox.home().join(".mcp-credential").exists() && sandbox.opened().is_empty());
    // Whoever names a place means it.
    let named = sandbox.home().join("named");
    let chosen = sandbox.variable("MCP_CREDENTIAL_HOME", named.to_str().unwrap());
    chosen.run(&add).succeeds();
    // What is there is not taken from its owner.
    let config = named.join("config.json");
    let before = fs::read(&config).unwrap();
    give_away(&named, NOBODY_KNOWN);
    for command in [["add", "other", &server.mcp_url()].as_slice(), &["remove", "demo"]] {
        let refused = chosen.run(command).fails("insecure_storage", 5);
        assert!(refused.stderr.contains("run this as that user"), "{refused:?}");
    }
    assert_eq!((fs::read(&config).unwrap(), fs::metadata(&config).unwrap().uid()), (before, 0));
}

#[test]
fn root_of_a_container_may_live_in_the_home_of_somebody_else() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    give_away(sandbox.home(), NOBODY_KNOWN);
    sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
    sandbox.login("demo").succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
}

/// The program, copied to where every user may run it, with its arguments.
fn as_somebody_else(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let program = sandbox.home().join("program");
    if !program.exists() {
        // Not by this process: a child that another test starts in this moment would hold it open for a while, and a
        // file that somebody may write to cannot be run.
        assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
        for path in [sandbox.home(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").uid(NOBODY_KNOWN).gid(NOBODY_KNOWN);
    command
}

#[test]
fn case_59_what_belongs_to_root_is_refused_for_everybody_else() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    let home = sandbox.home().join(".mcp-credential");
    let get = || {
        let mut command = as_somebody_else(&sandbox, &["get", "demo"]);
        ran(command.env("HOME", sandbox.home()).output().unwrap())
    };
    // Nobody else gets in at all, and then is told whose it is.
    assert_ne!(get().status, 0);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(sandbox.state("config.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = get().fails("insecure_storage", 5);
    assert!(refused.stderr.contains(&format!("{} belongs to another user", home.display())), "{refused:?}");
}

/// What that user owns below `directory`.
fn owned(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let is_theirs = |entry: &fs::DirEntry| entry.metadata().is_ok_and(|found| found.uid() == NOBODY_KNOWN);
    entries.filter(is_theirs).map(|entry| entry.path()).collect()
}

fn homeless(sandbox: &Sandbox, here: &Path, arguments: &[&str]) -> Ran {
    ran(as_somebody_else(sandbox, arguments).current_dir(here).output().expect("this test needs root"))
}

fn everything(server: &OAuthServer) -> [Vec<String>; 7] {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    let url = server.mcp_url();
    [
        words("get demo"),
        words("refresh demo"),
        words("list"),
        words("status demo"),
        words("erase demo"),
        words(&format!("add demo {url}")),
        words(&format!("login demo --url {url}")),
    ]
}

#[test]
fn case_61_a_user_without_a_home_is_told_and_nothing_is_written_anywhere() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let here = sandbox.home().join("here");
    fs::DirBuilder::new().mode(0o700).create(&here).unwrap();
    give_away(&here, NOBODY_KNOWN);
    for arguments in everything(&server) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = homeless(&sandbox, &here, &arguments).fails("config_invalid", 2);
        assert!(refused.stderr.contains("`HOME` is not set and this account has none"), "{refused:?}");
        assert!(refused.stderr.contains("set `HOME` or `MCP_CREDENTIAL_HOME`"), "{refused:?}");
    }
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
    for place in ["/tmp", "/var/tmp", "/"] {
        assert!(owned(Path::new(place)).is_empty(), "{place}");
    }
    assert_eq!(server.requests().len(), 0);
    // With a place of its own that user is as good as any.
    let mut add = as_somebody_else(&sandbox, &["add", "demo", &server.mcp_url()]);
    ran(add.env("MCP_CREDENTIAL_HOME", here.join("state")).output().unwrap()).succeeds();
    assert_eq!(fs::metadata(here.join("state")).unwrap().uid(), NOBODY_KNOWN);
}
