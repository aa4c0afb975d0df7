//! A fault at each system call of a refresh, one run for each: SIGKILL before the call, a refusal by the system, an
//! interruption. Afterwards the store holds the old record, the new one, or a truthful "interrupted".
//!
//! A run in `cargo test` visits a sample; `points` says how all are visited.

use crate::points::{Point, visited};
use crate::scene::{Said, Scene, Who};
use crate::support::Ran;
use mcp_credential::store::reserve::RESERVE_BYTES;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

/// Not smaller than this is `.next` until an answer stands there whole, in bytes; at its birth it is empty.
const ROOM: u64 = RESERVE_BYTES as u64;

/// What a run may leave that the next one finds.
struct Before {
    generation: String,
    record: Vec<u8>,
    requests: usize,
}

impl Before {
    fn of(scene: &Scene) -> Self {
        let sandbox = &scene.sandbox;
        Self {
            generation: sandbox.generation(),
            record: fs::read(sandbox.record()).unwrap(),
            requests: scene.server.refreshes().len(),
        }
    }
}

/// How a story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// The old token was good, and was renewed now.
    Old,
    /// The new token was there.
    New,
    /// It was told that a refresh was interrupted, and that is so.
    Interrupted,
}

/// What the next calls find after a fault: a record that can be read, and then one of three endings, each of which
/// the server confirms.
#[track_caller]
fn ends(scene: &Scene, before: &Before, about: &str) -> Ending {
    let (server, sandbox) = (&scene.server, &scene.sandbox);
    let next = fs::metadata(sandbox.state("oauth/demo.token.json.next"));
    let saved = fs::read(sandbox.record()).unwrap() != before.record
        || next.is_ok_and(|next| (1..ROOM).contains(&next.len()));
    only_known_files(scene, about);
    sandbox.forget_state();
    sandbox.run(&["get", "demo"]).succeeds();
    let after = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &before.generation];
    let ran = sandbox.run(&after);
    let (requests, reuses) = (server.refreshes().len() - before.requests, server.reuses());
    let ending = if ran.status == 4 {
        assert!(ran.stderr.contains("a previous refresh was interrupted"), "{about}: {ran:?}");
        assert!(!saved, "{about}: the answer was there");
        assert_eq!((requests, reuses), (2, 1), "{about}: the server had answered");
        Ending::Interrupted
    } else {
        let answer = ran.succeeds();
        assert_eq!((requests, reuses), (1, 0), "{about}: {answer:?}");
        is_good(scene, &answer, about);
        if answer.text("source") == "already_rotated" { Ending::New } else { Ending::Old }
    };
    assert!(ending == Ending::New || !saved, "{about}: what was saved was not used");
    if ending == Ending::New {
        // The mark of a refresh that is over does no harm, and goes with the next one.
        is_good(scene, &sandbox.refresh().succeeds(), about);
        assert_eq!((server.refreshes().len() - before.requests, server.reuses()), (2, 0), "{about}");
    }
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{about}");
    ending
}

#[track_caller]
fn is_good(scene: &Scene, answer: &Ran, about: &str) {
    assert_eq!(answer.text("generation"), scene.sandbox.generation(), "{about}");
    assert!(scene.server.mcp_accepts(&answer.text("access_token")), "{about}");
    assert!(!scene.server.family_revoked(), "{about}");
}

/// Private files, and none but those that a run may leave.
#[track_caller]
fn only_known_files(scene: &Scene, about: &str) {
    let known = ["json", "lock", "login", "probe", "state", "next", "intent", "draft"];
    for name in scene.sandbox.files() {
        assert!(known.contains(&name.rsplit('.').next().unwrap()), "{about}: {name}");
        let mode = fs::metadata(scene.sandbox.state("oauth").join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{about}: {name}");
    }
}

/// Does `what` at each point that is visited; `judge` says how its story ended. A login that was lost on the way,
/// in the one window in which it may be, is replaced.
fn at_each<K: Ord + std::fmt::Debug>(
    who: Who,
    title: &str,
    choose: impl Fn(&Point) -> Vec<String>,
    mut judge: impl FnMut(&Scene, &Before, &Point, &str, &Said) -> (K, bool),
) {
    let started = Instant::now();
    let mut scene = Scene::new();
    let all = scene.points(who);
    let faults = |point: Point| choose(&point).into_iter().map(move |what| (point.clone(), what));
    let all: Vec<(Point, String)> = all.into_iter().flat_map(faults).collect();
    let (total, mut endings) = (all.len(), BTreeMap::<K, usize>::new());
    let chosen = visited(all);
    let count = chosen.len();
    for (point, what) in chosen {
        let before = Before::of(&scene);
        let about = format!("{who:?}, {what} at {point:?}");
        let (said, log) = scene.refresh(who, &point.options(&scene.sandbox.state(""), &what));
        let mark = if what == "signal=KILL" { "+++ killed by SIGKILL" } else { "(INJECTED)" };
        assert!(log.contains(mark), "{about} did not happen: {said:?} {log}");
        let (ending, is_lost) = judge(&scene, &before, &point, &about, &said);
        *endings.entry(ending).or_default() += 1;
        if is_lost {
            scene = Scene::new();
        }
    }
    println!(
        "{title}: {count} of {total} faults, all of which happened: {endings:?}, {:.0?}",
        started.elapsed()
    );
}

fn kill(_: &Point) -> Vec<String> {
    vec!["signal=KILL".to_owned()]
}

#[test]
fn a_worker_that_is_killed_at_any_call_leaves_the_old_token_the_new_one_or_the_truth_case_74() {
    at_each(Who::Worker, "kills of the worker", kill, |scene, before, point, about, said| {
        let ending = ends(scene, before, about);
        match said {
            Said::Token(generation, true) => {
                assert!(ending == Ending::New && *generation != before.generation);
            }
            other => assert_eq!(*other, Said::Nothing, "{about}"),
        }
        let in_window = point.file.is_none() || point.is_about(".next");
        assert!(ending != Ending::Interrupted || in_window, "{about}: outside of the window");
        (ending, ending == Ending::Interrupted)
    });
}

#[test]
fn a_caller_that_is_killed_at_any_call_costs_nothing_case_74() {
    at_each(Who::Caller, "kills of the caller", kill, |scene, before, _, about, said| {
        let ending = ends(scene, before, about);
        assert_eq!(*said, Said::Nothing, "{about}");
        assert_ne!(ending, Ending::Interrupted, "{about}");
        (ending, false)
    });
}

/// Errors that the system may give for a call on a file.
fn refusals(point: &Point) -> Vec<String> {
    let errors: &[&str] = match point.call.as_str() {
        "open" | "openat" | "openat2" => &["EACCES", "EIO", "EMFILE", "EROFS", "ENOSPC"],
        "read" | "ftruncate" => &["EIO"],
        "statx" | "newfstatat" | "fstat" => &["EACCES", "EIO"],
        "write" | "fsync" | "fdatasync" => &["EIO", "ENOSPC", "EDQUOT"],
        "flock" => &["ENOLCK", "EIO"],
        "rename" | "renameat" | "renameat2" => &["EIO", "EACCES", "EXDEV", "ENOSPC", "EROFS"],
        "unlink" | "unlinkat" => &["EIO", "EACCES", "EROFS"],
        "mkdir" | "mkdirat" | "link" | "linkat" => &["EIO", "ENOSPC", "EROFS"],
        _ => &[],
    };
    let errors = if point.file.is_some() { errors } else { &[] };
    errors.iter().map(|error| format!("error={error}")).collect()
}

/// Codes that a refusal of the system may come to. `config_invalid` is for the configuration alone.
const CODES: [&str; 3] = ["cache_unwritable", "unavailable", "insecure_storage"];

#[track_caller]
fn survives_a_refusal(
    scene: &Scene,
    before: &Before,
    point: &Point,
    about: &str,
    said: &Said,
) -> (String, bool) {
    let requests = scene.server.refreshes().len() - before.requests;
    let word = match said {
        Said::Token(generation, persisted) => {
            assert_eq!(requests, 1, "{about}");
            assert_eq!(*generation, scene.sandbox.generation(), "{about}: it is stored in the end");
            if *persisted { "a token" } else { "a token that was stored a moment later" }.to_owned()
        }
        Said::Failed(code) => {
            let expected =
                CODES.contains(&code.as_str()) || (code == "config_invalid" && point.is_about("config.json"));
            assert!(expected, "{about}: {code}");
            assert_eq!(requests, 0, "{about}: {code}");
            assert_eq!(fs::read(scene.sandbox.record()).unwrap(), before.record, "{about}");
            code.clone()
        }
        Said::Again => {
            assert_eq!(requests, 0, "{about}");
            "look again".to_owned()
        }
        Said::Nothing => panic!("{about}: it ended without a word"),
    };
    let ending = ends(scene, before, about);
    assert_ne!(ending, Ending::Interrupted, "{about}");
    (word, false)
}

#[test]
fn a_worker_that_is_refused_any_call_on_a_file_loses_no_token_case_72_73() {
    at_each(Who::Worker, "refusals to the worker", refusals, survives_a_refusal);
}

#[test]
fn a_caller_that_is_refused_any_call_on_a_file_loses_no_token_case_72_73() {
    at_each(Who::Caller, "refusals to the caller", refusals, survives_a_refusal);
}

/// Calls that a signal may interrupt. A socket that does not block never waits, so the system never interrupts it
/// (signal(7)); only waiting for its readiness is interrupted.
fn interruption(point: &Point) -> Vec<String> {
    let on_files = ["open", "openat", "openat2", "read", "write", "fsync", "fdatasync", "flock", "ftruncate"];
    let others = ["connect", "sendto", "epoll_wait", "epoll_pwait", "poll"];
    let names: &[&str] = if point.file.is_some() { &on_files } else { &others };
    let may = names.contains(&point.call.as_str());
    may.then(|| "error=EINTR".to_owned()).into_iter().collect()
}

fn is_harmless(scene: &Scene, before: &Before, _: &Point, about: &str, said: &Said) -> (&'static str, bool) {
    let Said::Token(generation, true) = said else { panic!("{about}: {said:?}") };
    assert_eq!(*generation, scene.sandbox.generation(), "{about}");
    assert_eq!(ends(scene, before, about), Ending::New, "{about}");
    ("a token", false)
}

#[test]
fn an_interruption_of_any_call_changes_nothing_case_70() {
    at_each(Who::Worker, "interruptions of the worker", interruption, is_harmless);
    at_each(Who::Caller, "interruptions of the caller", interruption, is_harmless);
}
