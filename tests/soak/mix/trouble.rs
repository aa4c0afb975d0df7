//! What goes wrong on purpose: late answers, and a hand that deletes the lock file.

use crate::random::Random;
use crate::scene::Scene;
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The longest delay of an answer, and the longest time between two thefts, in milliseconds.
const LONGEST: (u64, u64) = (150, 40);

/// Half of the next `count` refreshes are answered late, after the server has rotated.
pub fn slow_refreshes(server: &OAuthServer, random: &mut Random, count: usize) {
    for _ in 0..count {
        let late = if random.chance(50) { random.below(LONGEST.0) } else { 0 };
        let fault = Fault::DelayAfterCommit(Duration::from_millis(late));
        server.fault(Endpoint::Refresh, fault, Times::Next(1));
    }
}

/// Deletes the token lock at random moments.
pub struct Thief(Random);

impl Thief {
    /// A thief who decides by these choices.
    pub fn new(random: Random) -> Self {
        Self(random)
    }

    fn steal_until_told(mut self, scene: &Scene, over: &Receiver<()>) {
        let lock = scene.sandbox.state("oauth/demo.token.json.lock");
        let mut stolen = 0;
        loop {
            let pause = Duration::from_millis(self.0.below(LONGEST.1));
            match over.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => stolen += usize::from(fs::remove_file(&lock).is_ok()),
                _ => return assert!(stolen > 0, "there was no lock file to be stolen"),
            }
        }
    }
}

/// Does `work` while the thief, if there is one, is about.
pub fn while_stealing(scene: &Scene, thief: Option<Thief>, work: impl FnOnce()) {
    thread::scope(|scope| {
        // Dropped when the work is over, also when it fails: that tells the thief.
        let (_over, told) = channel::<()>();
        if let Some(thief) = thief {
            scope.spawn(move || thief.steal_until_told(scene, &told));
        }
        work();
    });
}
