//! One caller after another, each with a random verb; some are killed.

use crate::answer::{self, Kind};
use crate::history::Saw;
use crate::random::Random;
use crate::scene::Scene;
use crate::support::{Ran, end};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything lasts that goes well.
const TIMEOUT: [&str; 2] = ["--timeout", "120"];
/// The latest moment of a kill, in milliseconds after the start.
const LATEST_KILL: u64 = 120;

/// What was done, for the report.
#[derive(Debug, Default)]
pub struct Counts {
    tokens: AtomicUsize,
    refusals: AtomicUsize,
    erasures: AtomicUsize,
    logins: AtomicUsize,
    kills: AtomicUsize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [tokens, refusals, erasures, logins, kills] =
            [&self.tokens, &self.refusals, &self.erasures, &self.logins, &self.kills]
                .map(|count| count.load(Ordering::SeqCst));
        write!(
            f,
            "{tokens} tokens, {refusals} times nobody was logged in, {erasures} erased, {logins} logins, {kills} kills"
        )
    }
}

/// See the module.
pub struct Actor<'a> {
    scene: &'a Scene,
    counts: &'a Counts,
    random: Random,
    kills: u64,
    /// The generations that this actor was answered, oldest first.
    known: Vec<String>,
    /// Whether the last answer was that nobody is logged in.
    needs_login: bool,
}

impl<'a> Actor<'a> {
    /// An actor who decides by these choices, and has `kills` of a hundred callers killed.
    pub fn new(scene: &'a Scene, counts: &'a Counts, random: Random, kills: u64) -> Self {
        Self { scene, counts, random, kills, known: Vec::new(), needs_login: false }
    }

    /// Runs one caller to its end, or to its violent end.
    pub fn step(&mut self) {
        match self.random.below(100) {
            _ if self.needs_login && self.random.chance(30) => self.login(),
            0..2 => self.login(),
            2..4 => self.erase(None),
            4..8 => self.erase_if(),
            8..55 => self.refresh(),
            _ => drop(self.ask(&["get", "demo"])),
        }
    }

    /// Runs the caller that has its turn as number `index` of a burst; `held` is what everybody knows.
    pub fn take_part(&mut self, index: usize, held: &str) {
        self.known.push(held.to_owned());
        match index % 16 {
            0 => self.login(),
            1 => self.erase(None),
            2 => self.erase_if(),
            3..10 => self.refresh(),
            _ => drop(self.ask(&["get", "demo"])),
        }
    }

    /// Mostly the one that was answered last, sometimes an older one.
    fn some_generation(&mut self) -> Option<String> {
        if self.random.chance(80) {
            self.known.last().cloned()
        } else {
            self.random.pick(&self.known).cloned()
        }
    }

    fn refresh(&mut self) {
        let Some(rejected) = self.some_generation() else { return };
        let answered = self.ask(&["refresh", "demo", "--rejected-generation", &rejected]);
        assert_ne!(answered, Some(rejected), "it was rejected");
    }

    fn erase_if(&mut self) {
        let only = self.some_generation();
        self.erase(only);
    }

    /// `get` or `refresh`: a token, or the word that nobody is logged in.
    fn ask(&mut self, arguments: &[&str]) -> Option<String> {
        let began = self.scene.history.now();
        let ran = self.run(arguments)?;
        self.needs_login = ran.status != 0;
        if self.needs_login {
            assert_eq!(answer::code(&ran), "interaction_required", "{ran:?}");
            assert!(ran.stderr.contains("nobody is logged in"), "{ran:?}");
            self.scene.history.add(began, Saw::Nothing);
            self.counts.refusals.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        let generation = self.scene.token(began, &ran)["generation"].as_str().unwrap().to_owned();
        self.known.push(generation.clone());
        self.counts.tokens.fetch_add(1, Ordering::SeqCst);
        Some(generation)
    }

    fn erase(&mut self, only: Option<String>) {
        let mut arguments = vec!["erase", "demo"];
        arguments.extend(only.iter().flat_map(|generation| ["--if-generation", generation]));
        let began = self.scene.history.now();
        let Some(ran) = self.run(&arguments) else {
            return self.scene.history.add(began, Saw::MayHaveErased);
        };
        let answer = answer::document(&ran, Kind::Erase);
        let saw = match (answer["reason"].as_str(), only) {
            (None, only) => {
                self.counts.erasures.fetch_add(1, Ordering::SeqCst);
                if let Some(generation) = only {
                    self.scene.history.add(began, Saw::Token { generation, login: None });
                }
                Saw::Erased
            }
            (Some("nothing_stored"), _) => Saw::Nothing,
            (Some("generation_changed"), Some(than)) => Saw::Other { than },
            other => panic!("{other:?} in {ran:?}"),
        };
        self.scene.history.add(began, saw);
    }

    fn login(&mut self) {
        let began = self.scene.history.now();
        let Some(ran) = self.run(&["login", "demo"]) else { return };
        self.scene.history.add(began, logged_in(&ran));
        self.needs_login = false;
        self.counts.logins.fetch_add(1, Ordering::SeqCst);
    }

    /// Runs the program, as the leader of a process group that is perhaps killed: then there is no result.
    fn run(&mut self, arguments: &[&str]) -> Option<Ran> {
        let mut command = self.scene.sandbox.command(&[arguments, &TIMEOUT].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        if self.random.chance(self.kills) {
            let moment = Duration::from_millis(self.random.below(LATEST_KILL));
            self.counts.kills.fetch_add(usize::from(kill_after(&mut child, moment)), Ordering::SeqCst);
        }
        Some(end(child)).filter(|ran| ran.status != -1)
    }
}

/// Kills the group of `child` when it has run for `moment`, unless it is done by then.
fn kill_after(child: &mut Child, moment: Duration) -> bool {
    let limit = Instant::now() + moment;
    while Instant::now() < limit {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    // It may end by itself at this very moment.
    child.try_wait().unwrap().is_none() && kill_process_group(Pid::from_child(child), Signal::KILL).is_ok()
}

#[track_caller]
fn logged_in(ran: &Ran) -> Saw {
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    if ran.stderr.contains(": logged in") {
        Saw::LoggedIn
    } else {
        assert!(ran.stderr.contains("another login has just been completed"), "{ran:?}");
        Saw::SomeLogin
    }
}

/// Somebody is logged in, at last.
pub fn settle(scene: &Scene) {
    let began = scene.history.now();
    let ran = scene.sandbox.run(&["get", "demo"]);
    if ran.status == 0 {
        let token = scene.token(began, &ran);
        // What killed callers left of small files goes with the next renewal.
        let began = scene.history.now();
        let held = token["generation"].as_str().unwrap();
        scene.token(began, &scene.sandbox.run(&["refresh", "demo", "--rejected-generation", held]));
        return;
    }
    scene.history.add(began, Saw::Nothing);
    scene.sandbox.forget_browser();
    let began = scene.history.now();
    scene.history.add(began, logged_in(&scene.sandbox.login("demo")));
}
