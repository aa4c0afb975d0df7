//! A fresh `get` takes no lock, opens no socket, writes nothing but its answer, and starts nothing.

use crate::strace::trace;
use crate::support::{Sandbox, server};

/// What a fresh answer has no business with.
const NEVER: [&str; 26] = [
    "flock",
    "connect",
    "socket",
    "socketpair",
    "bind",
    "listen",
    "sendto",
    "sendmsg",
    "fork",
    "vfork",
    "clone",
    "clone3",
    "execve",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "fchmod",
    "chmod",
    "link",
];

/// The calls of a log, each as its name and the whole line.
fn calls(log: &str) -> impl Iterator<Item = (&str, &str)> {
    log.lines().filter_map(|line| {
        let call = line.split_once(' ')?.1.trim_start();
        Some((call.split_once('(')?.0, call))
    })
}

#[track_caller]
fn does_nothing_but_read_and_answer(sandbox: &Sandbox, arguments: &[&str]) {
    let traced = trace(sandbox, &["--trace=all".to_owned()], arguments);
    let ran = traced.ran.succeeds();
    assert!(!ran.stdout.is_empty());
    let mut written = Vec::new();
    for (name, call) in calls(&traced.log).skip(1) {
        assert!(!NEVER.contains(&name), "{call}");
        let opens = ["open", "openat", "openat2", "creat"].contains(&name);
        let changes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
        assert!(!(opens && changes) && name != "creat", "{call}");
        if ["write", "writev", "pwrite64", "pwritev"].contains(&name) {
            written.push(call.to_owned());
        }
    }
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].starts_with("write(1<"), "{written:?}");
}

#[test]
fn a_fresh_get_takes_no_lock_opens_no_socket_and_writes_nothing_case_67() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let (connections, files) = (server.connections(), sandbox.files());
    for format in ["json", "token", "header"] {
        does_nothing_but_read_and_answer(&sandbox, &["get", "demo", "--format", format]);
    }
    does_nothing_but_read_and_answer(&sandbox, &["get", "demo", "--format", "headers", "--verify", "never"]);
    assert_eq!((server.connections(), sandbox.files()), (connections, files));
}
