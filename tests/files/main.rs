//! The store as an attacker, an accident or a careless administrator leaves it: refused with the way out, or
//! mended; never followed, never hung on, never overwritten in silence.

mod held;
mod key;
mod place;
mod strange;
#[path = "../support/mod.rs"]
mod support;

use held::{logged_in, refresh};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use support::{Sandbox, server};

/// What may stand in the place of a file, of the kinds that everybody can make.
const KINDS: [&str; 6] = ["link", "broken link", "link to a device", "pipe", "socket", "directory"];

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// `get` and `refresh` must refuse `content` as the record of `demo`, and leave it.
#[track_caller]
fn is_damaged(sandbox: &Sandbox, content: &[u8]) {
    fs::write(sandbox.record(), content).unwrap();
    for verb in ["get", "refresh"] {
        sandbox.run(&[verb, "demo"]).fails("cache_damaged", 5);
    }
    assert!(fs::read(sandbox.record()).unwrap() == content, "it was left in place");
}

#[test]
fn case_54_whatever_is_wrong_with_a_record_it_is_refused_and_left_in_place() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    let good = fs::read(sandbox.record()).unwrap();
    for place in (0..good.len()).step_by(good.len() / 24) {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        is_damaged(&sandbox, &flipped);
    }
    for length in [0, 1, good.len() / 2, good.len() - 2] {
        is_damaged(&sandbox, &good[..length]);
    }
    for junk in [&b"{}"[..], b"null", b"[[[[", &[0; 4096], &[0xff; 64], "{\"format\":1}".as_bytes()] {
        is_damaged(&sandbox, junk);
    }
    fs::write(sandbox.record(), &good).unwrap();
    sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(server.token_requests().len(), 1);
}

#[test]
fn case_54_a_record_of_a_gigabyte_is_not_read() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    let record = fs::OpenOptions::new().write(true).open(sandbox.record()).unwrap();
    record.set_len(1 << 30).unwrap();
    let mut command = sandbox.shell("ulimit -v 400000; exec \"$0\" get demo --timeout 60");
    let refused = support::ran(command.output().unwrap()).fails("cache_damaged", 5);
    assert!(refused.stderr.contains("is larger than any file of this program"), "{}", refused.stderr);
    sandbox.run(&["status", "demo"]).succeeds();
    assert_eq!(fs::metadata(sandbox.record()).unwrap().len(), 1 << 30);
}

#[test]
fn case_55_the_record_of_one_name_is_refused_at_another() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    sandbox.run(&["add", "other", &server.mcp_url()]).succeeds();
    let other = sandbox.state("oauth/other.token.json");
    fs::copy(sandbox.record(), &other).unwrap();
    let refused = sandbox.run(&["get", "other"]).fails("cache_damaged", 5);
    assert!(refused.stderr.contains("was changed, or belongs to another server"), "{}", refused.stderr);
    let renamed = fs::read_to_string(&other).unwrap().replace("\"demo\"", "\"other\"");
    fs::write(&other, renamed).unwrap();
    sandbox.run(&["get", "other"]).fails("cache_damaged", 5);
    fs::copy(sandbox.state("oauth/demo.client.json"), sandbox.state("oauth/other.client.json")).unwrap();
    fs::remove_file(&other).unwrap();
    let refused = sandbox.run(&["login", "other"]).fails("cache_damaged", 5);
    assert!(refused.stderr.contains("erase other --scope client"), "{}", refused.stderr);
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn case_56_a_newer_format_is_never_overwritten() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    let mut record: Value = serde_json::from_slice(&fs::read(sandbox.record()).unwrap()).unwrap();
    record["format"] = json!(2);
    record["later"] = json!({"what": "ever"});
    let newer = record.to_string();
    is_damaged(&sandbox, newer.as_bytes());
    let refused = refresh(&sandbox, &held).fails("cache_damaged", 5);
    assert!(refused.stderr.contains("newer version of mcp-credential"), "{}", refused.stderr);
    sandbox.run(&["erase", "demo"]).fails("cache_damaged", 5);
    assert_eq!(fs::read_to_string(sandbox.record()).unwrap(), newer);
    sandbox.login("demo").succeeds();
    let aside = sandbox.files().into_iter().find(|name| name.contains(".damaged-")).unwrap();
    let kept = fs::read_to_string(sandbox.state("oauth").join(aside)).unwrap();
    assert_eq!(kept, newer, "moved aside, whole");
}

#[test]
fn case_58_a_hard_link_is_replaced_and_its_other_end_untouched() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    let other = sandbox.home().join("other-end");
    fs::hard_link(sandbox.record(), &other).unwrap();
    let before = fs::read(&other).unwrap();
    refresh(&sandbox, &held).succeeds();
    assert_eq!(fs::read(&other).unwrap(), before);
    assert_ne!(fs::metadata(&other).unwrap().ino(), fs::metadata(sandbox.record()).unwrap().ino());
}
