//! A random mix of everything that callers do, from many processes at once: in peace, with kills while the
//! server is slow, and with a lock file that somebody keeps deleting. And a burst: everything at the same moment.

mod actor;
mod person;
mod trouble;

use crate::random::Random;
use crate::scene::Scene;
use crate::size::Size;
use crate::watch::{watch, while_reading};
use actor::{Actor, Counts};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// How long a token lives in the mix, in seconds: short enough that some end by themselves.
const LIFE: u64 = 3;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// How many of a hundred callers are killed, with their process group, at a random moment.
    pub kills: u64,
    /// Whether the server answers refreshes late.
    pub slow: bool,
    /// Whether the token lock is deleted at random moments.
    pub thief: bool,
}

#[test]
fn a_random_mix_of_callers_is_one_story() {
    play(Trouble::default());
}

#[test]
fn callers_killed_at_random_during_slow_refreshes_lose_no_login() {
    play(Trouble { kills: 25, slow: true, ..Trouble::default() });
}

#[test]
fn a_lock_file_deleted_at_random_moments_causes_no_second_redemption_case_68() {
    play(Trouble { slow: true, thief: true, ..Trouble::default() });
}

#[test]
fn everything_at_once_is_still_one_story() {
    play(Trouble { kills: 15, slow: true, thief: true });
}

#[test]
fn a_burst_of_every_verb_at_once_is_one_story() {
    let size = Size::told();
    let scene = Scene::with_tokens_of(24 * 3600);
    let (counts, started) = (Counts::default(), Instant::now());
    while_reading(&scene, &[(1, &watch), (1, &person::logs_in)], || burst(&scene, &size, &counts));
    scene.sandbox.wait_for_rest();
    actor::settle(&scene);
    scene.ends_well();
    println!("a burst of {}: {counts}, 0 reuses: {:.1?}", size.processes, started.elapsed());
}

/// As many callers as a crowd has, each of which asks for one thing, at the same moment.
fn burst(scene: &Scene, size: &Size, counts: &Counts) {
    let (held, start) = (scene.sandbox.generation(), Barrier::new(size.processes));
    thread::scope(|scope| {
        for index in 0..size.processes {
            let mut actor = Actor::new(scene, counts, Random::new(size.seed, index), 0);
            let (held, start) = (&held, &start);
            scope.spawn(move || {
                start.wait();
                actor.take_part(index, held);
            });
        }
    });
}

fn play(trouble: Trouble) {
    let size = Size::told();
    let scene = Scene::with_tokens_of(LIFE);
    let started = Instant::now();
    if trouble.slow {
        trouble::slow_refreshes(&scene.server, &mut Random::new(size.seed, 1000), size.rotations);
    }
    let counts = Counts::default();
    let reads = while_reading(&scene, &[(1, &watch), (1, &person::logs_in)], || {
        let thief = trouble.thief.then(|| trouble::Thief::new(Random::new(size.seed, 1001)));
        trouble::while_stealing(&scene, thief, || act(&scene, &size, trouble, &counts));
    });
    scene.server.clear_faults();
    scene.sandbox.wait_for_rest();
    actor::settle(&scene);
    scene.server.reconfigure(|settings| settings.access_token_ttl = std::time::Duration::from_secs(3600));
    scene.ends_well();
    println!(
        "{trouble:?}: {counts}; {} refreshes, 0 reuses, {} reads, none torn: {:.1?}",
        scene.server.refreshes().len(),
        reads[0],
        started.elapsed()
    );
}

fn act(scene: &Scene, size: &Size, trouble: Trouble, counts: &Counts) {
    let steps = size.rotations.div_ceil(size.actors());
    thread::scope(|scope| {
        for index in 0..size.actors() {
            let mut actor = Actor::new(scene, counts, Random::new(size.seed, index), trouble.kills);
            scope.spawn(move || (0..steps).for_each(|_| actor.step()));
        }
    });
}
