//! Crowds: many processes that need a new token at the same moment.

use crate::random::Random;
use crate::scene::{Scene, patiently};
use crate::size::Size;
use crate::support::{Ran, end, wait_until_stale};
use oauthserver::{Endpoint, Fault, Times};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Longer than any crowd waits.
const TIMEOUT: [&str; 2] = ["--timeout", "600"];

/// A caller that was started, and when.
struct Caller {
    began: u64,
    child: Child,
}

impl Caller {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let began = scene.history.now();
        Self { began, child: scene.sandbox.start(&[arguments, &TIMEOUT].concat()) }
    }

    /// Whether it waits for somebody else's renewal: it holds the lock file open, or was quicker and is done.
    fn waits_or_is_done(&mut self, lock: &Path) -> bool {
        let folder = format!("/proc/{}/fd", self.child.id());
        let mut links = fs::read_dir(folder).into_iter().flatten().flatten();
        links.any(|link| fs::read_link(link.path()).is_ok_and(|target| target == lock))
            || self.child.try_wait().unwrap().is_some()
    }
}

/// Lets all commands run against a renewal that the server holds until every one of them waits for it.
fn crowd(scene: &Scene, commands: &[Vec<&str>]) -> Vec<Ran> {
    scene.server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let mut callers: Vec<_> = commands.iter().map(|command| Caller::start(scene, command)).collect();
    let lock = scene.sandbox.state("oauth/demo.token.json.lock");
    // The caller whose renewal it is has handed the lock over to its worker.
    patiently("the crowd to wait", || {
        scene.server.log().held() == 1
            && callers.iter_mut().map(|caller| usize::from(!caller.waits_or_is_done(&lock))).sum::<usize>()
                <= 1
    });
    scene.server.release();
    callers
        .into_iter()
        .map(|caller| {
            let ran = end(caller.child);
            scene.token(caller.began, &ran);
            ran
        })
        .collect()
}

fn generations(crowd: &[Ran]) -> HashSet<String> {
    crowd.iter().map(|ran| ran.text("generation")).collect()
}

fn refresh(rejected: &str) -> Vec<&str> {
    vec!["refresh", "demo", "--rejected-generation", rejected]
}

/// Lets the stored token end; the next ones live long.
fn age(scene: &Scene) -> String {
    let ttl = |seconds| {
        scene.server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(seconds));
    };
    ttl(1);
    let began = scene.history.now();
    let short = scene.token(began, &scene.sandbox.run(&refresh(&scene.sandbox.generation())));
    ttl(24 * 3600);
    wait_until_stale(&short);
    short["generation"].as_str().unwrap().to_owned()
}

#[test]
fn crowds_on_a_stale_token_cause_one_request_each_and_get_equal_answers() {
    let size = Size::told();
    let scene = Scene::with_tokens_of(24 * 3600);
    let started = Instant::now();
    for _ in 0..size.crowds() {
        let stale = age(&scene);
        let before = scene.server.refreshes().len();
        // Half of them have met the stale token's 401, the others just ask.
        let commands: Vec<_> = (0..size.processes)
            .map(|index| if index % 2 == 0 { vec!["get", "demo"] } else { refresh(&stale) })
            .collect();
        let answers = crowd(&scene, &commands);
        assert_eq!(scene.server.refreshes().len() - before, 1);
        assert_eq!(generations(&answers).len(), 1);
    }
    report(&scene, &size, started);
}

#[test]
fn crowds_that_reject_many_generations_cause_one_request_for_the_stored_one_alone_case_65() {
    let size = Size::told();
    let scene = Scene::with_tokens_of(24 * 3600);
    let mut random = Random::new(size.seed, 0);
    let started = Instant::now();
    let mut known = vec![scene.sandbox.generation()];
    for _ in 0..size.crowds() * 2 {
        let before = scene.server.refreshes().len();
        let mut commands = vec![refresh(known.last().unwrap())];
        commands.resize_with(size.processes / 2, || refresh(random.pick(&known).unwrap()));
        let rejected: HashSet<_> = commands.iter().map(|command| command[3].to_owned()).collect();
        commands.resize(size.processes, vec!["get", "demo"]);
        let answers = crowd(&scene, &commands);
        let rotations = scene.server.refreshes().len() - before;
        assert!(rotations <= rejected.len(), "{rotations} for {} generations", rejected.len());
        assert_eq!(rotations, 1, "all but one were replaced before");
        for (command, answer) in commands.iter().zip(&answers) {
            assert!(!command.contains(&answer.text("generation").as_str()), "{command:?} got {answer:?}");
        }
        known.push(scene.sandbox.generation());
    }
    report(&scene, &size, started);
}

fn report(scene: &Scene, size: &Size, started: Instant) {
    let requests = scene.server.refreshes().len();
    scene.ends_well();
    println!("crowds of {}: {requests} requests, 0 reuses: {:.1?}", size.processes, started.elapsed());
}
