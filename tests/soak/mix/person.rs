//! The person at the browser: visits every page that the program asks to open, until it is over.

use crate::scene::Scene;
use oauthserver::browser;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Logs in wherever a login waits. Tells how often.
pub fn logs_in(scene: &Scene, stop: &AtomicBool) -> usize {
    let mut visited = 0;
    while !stop.load(Ordering::SeqCst) {
        let asked = scene.sandbox.opened();
        for url in &asked[visited..] {
            // Nobody may be there any more: the login was killed.
            let _ = browser::visit(url);
        }
        visited = asked.len();
        thread::sleep(Duration::from_millis(2));
    }
    visited
}
