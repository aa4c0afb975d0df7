//! Places that cannot be written, made for real: a file size limit, a read-only directory, a read-only and a
//! full file system. Needs user namespaces or root for the last two.

use crate::support::{Ran, Sandbox, end, server};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Runs a refresh through a shell line, in which `"$@"` is the program and `$D` the store's directory.
fn refresh_in(sandbox: &Sandbox, wrapper: &[&str], line: &str) -> Ran {
    let arguments = ["refresh", "demo", "--rejected-generation", &sandbox.generation()];
    let program = sandbox.command(&arguments);
    let mut words = [wrapper, &["sh", "-c", line, "sh"]].concat().into_iter();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(program.get_program()).args(program.get_args()).env_clear().current_dir("/");
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("D", sandbox.state("oauth"));
    end(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The refresh was refused before anything was sent, and the record is as it was; then a refresh works.
#[track_caller]
fn spends_nothing(wrapper: &[&str], line: &str) {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    let refused = refresh_in(&sandbox, wrapper, line).fails("cache_unwritable", 75);
    assert_eq!(refused.json()["error"]["code"], "cache_unwritable");
    assert_eq!(server.refreshes().len(), 0);
    sandbox.wait_for_rest();
    fs::set_permissions(sandbox.state("oauth"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read(sandbox.record()).unwrap(), record);
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    sandbox.forget_state();
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

#[test]
fn a_file_size_limit_is_met_before_anything_is_sent_case_72() {
    spends_nothing(&[], r#"ulimit -f 8; exec "$@""#);
}

#[test]
fn a_file_size_limit_of_nothing_is_met_before_anything_is_sent_case_72() {
    spends_nothing(&[], r#"ulimit -f 0; exec "$@""#);
}

/// Without the privileges by which root writes where the mode forbids it.
fn unprivileged() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() { &["setpriv", "--bounding-set=-all"] } else { &[] }
}

#[test]
fn a_directory_that_cannot_be_written_is_met_before_anything_is_sent_case_72() {
    spends_nothing(unprivileged(), r#"chmod 500 "$D"; exec "$@""#);
}

#[test]
fn a_read_only_file_system_is_met_before_anything_is_sent_case_72() {
    let line = r#"mount --bind "$D" "$D" && mount -o remount,ro,bind "$D" && exec "$@""#;
    spends_nothing(&["unshare", "--map-root-user", "--mount"], line);
}

#[test]
fn a_full_file_system_is_met_before_anything_is_sent_and_keeps_the_record_case_72() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    // The small file system is seen by this shell and its children alone, so it is looked at there.
    let line = r#"
        mkdir "$HOME/kept" && cp -p "$D"/* "$HOME/kept" &&
        mount -t tmpfs -o size=64k,mode=700 tmpfs "$D" && cp -p "$HOME/kept"/* "$D" || exit 99
        "$@"; status=$?
        cmp "$D/demo.token.json" "$HOME/kept/demo.token.json" || exit 98
        ls "$D" | grep -E '[.](next|intent|draft)$' && exit 97
        exit $status"#;
    refresh_in(&sandbox, &["unshare", "--map-root-user", "--mount"], line).fails("cache_unwritable", 75);
    assert_eq!(server.refreshes().len(), 0);
    let roomy = line.replace("size=64k", "size=1m");
    fs::remove_dir_all(sandbox.home().join("kept")).unwrap();
    let replaced = refresh_in(&sandbox, &["unshare", "--map-root-user", "--mount"], &roomy);
    assert_eq!((replaced.status, server.refreshes().len()), (98, 1), "with room it works: {replaced:?}");
}
