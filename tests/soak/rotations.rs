//! Rotations in a row, while others read.

use crate::scene::Scene;
use crate::size::Size;
use crate::watch::{hammer, watch, while_reading};
use std::time::Instant;

/// Threads that read the file itself.
const WATCHERS: usize = 2;

#[test]
fn rotations_in_a_row_under_readers_lose_no_token_and_tear_no_read() {
    let size = Size::told();
    let scene = Scene::with_tokens_of(24 * 3600);
    let started = Instant::now();
    let reads = while_reading(&scene, &[(size.readers(), &hammer), (WATCHERS, &watch)], || {
        let mut generation = scene.sandbox.generation();
        for _ in 0..size.rotations {
            generation = rotate(&scene, &generation);
        }
    });
    assert_eq!(scene.server.refreshes().len(), size.rotations);
    let seen = scene.history.len();
    scene.ends_well();
    println!(
        "{} rotations, {} requests, {} reuses, {} reads by processes and {} by threads, none torn, {seen} sightings in one story: {:.1?}",
        size.rotations,
        scene.server.refreshes().len(),
        scene.server.reuses(),
        reads[0],
        reads[1],
        started.elapsed()
    );
}

/// Rejects the stored token, and gets the next one.
#[track_caller]
fn rotate(scene: &Scene, generation: &str) -> String {
    let began = scene.history.now();
    let arguments = ["refresh", "demo", "--timeout", "60", "--rejected-generation", generation];
    let answer = scene.token(began, &scene.sandbox.run(&arguments));
    assert_eq!(answer["source"], "refreshed");
    let next = answer["generation"].as_str().unwrap().to_owned();
    assert_ne!(next, generation);
    next
}
