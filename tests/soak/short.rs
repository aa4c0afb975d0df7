//! Tokens that live one to three seconds, used up under constant load.

use crate::random::Random;
use crate::scene::Scene;
use crate::size::Size;
use crate::support::Ran;
use crate::watch::{Reader, watch, while_reading};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// What the load was answered.
#[derive(Default)]
struct Answers {
    files: AtomicUsize,
    /// How many tokens ended between the last look and the write.
    late: AtomicUsize,
    /// The end of each generation, in seconds since 1970.
    ends: Mutex<HashMap<String, u64>>,
}

impl Answers {
    /// Runs `get` until `stop`; every token must have lived within its call. Tells how often.
    fn load(&self, scene: &Scene, stop: &AtomicBool) -> usize {
        let place = format!("printed-{}", self.files.fetch_add(1, Ordering::SeqCst));
        let place = scene.sandbox.home().join(place);
        let mut reads = 0;
        while !stop.load(Ordering::SeqCst) {
            let (began, called) = (scene.history.now(), SystemTime::now());
            let mut command = scene.sandbox.command(&["get", "demo", "--timeout", "60"]);
            command.stdout(File::create(&place).unwrap()).stderr(Stdio::piped());
            let ended = command.spawn().unwrap().wait_with_output().unwrap();
            let ran = Ran {
                status: ended.status.code().unwrap_or(-1),
                stdout: fs::read_to_string(&place).unwrap(),
                stderr: String::from_utf8(ended.stderr).unwrap(),
            };
            let answer = scene.token(began, &ran);
            // A file's time is that of the write: it tells when the answer was printed.
            self.look(scene, &answer, called, fs::metadata(&place).unwrap().modified().unwrap());
            reads += 1;
        }
        reads
    }

    /// A process can lose the machine between its last look at the clock and its write, for any time: so what is
    /// printed late is counted, and what was over before the call began is a fault.
    #[track_caller]
    fn look(&self, scene: &Scene, answer: &Value, called: SystemTime, printed: SystemTime) {
        let end = scene.server.access_token_end(answer["access_token"].as_str().unwrap()).unwrap();
        assert!(called < end, "it had ended before it was asked for: {answer}");
        self.late.fetch_add(usize::from(printed > end), Ordering::SeqCst);
        let generation = answer["generation"].as_str().unwrap().to_owned();
        self.ends.lock().unwrap().insert(generation, answer["expires_at"].as_u64().unwrap());
    }
}

#[test]
fn tokens_that_live_one_to_three_seconds_serve_a_constant_load() {
    let size = Size::told();
    let scene = Scene::with_tokens_of(1);
    let mut random = Random::new(size.seed, 0);
    let (answers, started) = (Answers::default(), Instant::now());
    let load = |scene: &Scene, stop: &AtomicBool| answers.load(scene, stop);
    let readers: [Reader; 2] = [(size.readers(), &load), (1, &watch)];
    let reads = while_reading(&scene, &readers, || {
        for life in 0..size.lives() {
            let seconds = Duration::from_secs(1 + random.below(3));
            scene.server.reconfigure(|settings| settings.access_token_ttl = seconds);
            let renewed = scene.server.wait_for(|log| log.refreshes().len() > life, Duration::from_secs(60));
            assert!(renewed, "the load has ended");
        }
        scene.server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(3600));
    });
    let requests = scene.server.refreshes().len();
    assert_eq!(scene.sandbox.opened(), [""; 0]);
    used_up(&answers.ends.lock().unwrap());
    scene.ends_well();
    println!(
        "{requests} lives of 1 to 3 s: {requests} requests, 0 reuses, {} answers, {} of them printed at the very end of a life: {:.1?}",
        reads[0],
        answers.late.into_inner(),
        started.elapsed()
    );
}

/// No token was renewed before its end: then two would end in the same second.
#[track_caller]
fn used_up(ends: &HashMap<String, u64>) {
    let distinct: HashSet<_> = ends.values().collect();
    assert_eq!(distinct.len(), ends.len(), "{ends:?}");
}
