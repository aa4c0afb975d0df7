//! Readers: threads that read the record without end through the library, and processes that do it by `get`.
//! No read may be torn, and none may fail.

use crate::history::Saw;
use crate::scene::Scene;
use mcp_credential::store::key::Key;
use mcp_credential::store::{Slot, record};
use mcp_credential::token::TokenRecord;
use rustix::process::nice;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The pause between two reads of a thread, and of a process: most of the machine is left to those who write.
const PACE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(10));

/// Reads the record until `stop`: the file as it is, and the way the program does it, in turn. Tells how often.
pub fn watch(scene: &Scene, stop: &AtomicBool) -> usize {
    let store = scene.store();
    let slot = Slot::new(&store, "demo");
    let mut file = RecordFile { path: slot.record_path(), key: store.key().unwrap(), known: None };
    let mut view = View { scene, last: None };
    let mut reads = 0;
    while !stop.load(Ordering::SeqCst) {
        let began = scene.history.now();
        let found = if reads % 2 == 0 { file.read() } else { slot.peek().unwrap() };
        view.add(began, found);
        reads += 1;
        thread::sleep(PACE.0);
    }
    view.end();
    reads
}

/// The record as bytes, past all that the program does to read it.
struct RecordFile {
    path: PathBuf,
    key: Key,
    /// What was read and proved to be whole last.
    known: Option<(Vec<u8>, TokenRecord)>,
}

impl RecordFile {
    #[track_caller]
    fn read(&mut self) -> Option<TokenRecord> {
        let content = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read.unwrap(),
        };
        if self.known.as_ref().is_none_or(|(known, _)| *known != content) {
            let decoded = record::decode(&self.key, "demo", &content);
            assert!(decoded.is_ok(), "a torn read of {} bytes: {decoded:?}", content.len());
            self.known = decoded.ok().map(|record| (content, record));
        }
        self.known.as_ref().map(|(_, record)| record.clone())
    }
}

/// What a reader saw last, since when, and when again.
struct View<'a> {
    scene: &'a Scene,
    last: Option<Span>,
}

struct Span {
    saw: Saw,
    first: (u64, u64),
    last: (u64, u64),
}

impl View<'_> {
    fn add(&mut self, began: u64, found: Option<TokenRecord>) {
        let saw = found.map_or(Saw::Nothing, |record| Saw::Token {
            login: self.scene.server.family_of(record.access_token.expose()),
            generation: record.clear.generation,
        });
        let read = (began, self.scene.history.now());
        match &mut self.last {
            Some(span) if span.saw == saw => span.last = read,
            _ => {
                self.end();
                self.last = Some(Span { saw, first: read, last: read });
            }
        }
    }

    /// Of many equal reads in a row the first and the last one say it all.
    fn end(&mut self) {
        if let Some(Span { saw, first, last }) = self.last.take() {
            self.scene.history.add_between(first.0, first.1, saw.clone());
            self.scene.history.add_between(last.0, last.1, saw);
        }
    }
}

/// Runs `get` until `stop`; every answer must come from the cache. Tells how often.
pub fn hammer(scene: &Scene, stop: &AtomicBool) -> usize {
    let mut reads = 0;
    while !stop.load(Ordering::SeqCst) {
        let began = scene.history.now();
        let answer = scene.token(began, &scene.sandbox.run(&["get", "demo"]));
        assert_eq!(answer["source"], "cache");
        assert!(scene.server.mcp_accepts(answer["access_token"].as_str().unwrap()));
        reads += 1;
        thread::sleep(PACE.1);
    }
    reads
}

/// How many of a kind read at the same time, and what one of them does.
pub type Reader<'a> = (usize, &'a (dyn Fn(&Scene, &AtomicBool) -> usize + Sync));

/// Does `work` while all readers read; tells how often each kind did.
pub fn while_reading(scene: &Scene, readers: &[Reader], work: impl FnOnce()) -> Vec<usize> {
    let stop = AtomicBool::new(false);
    let totals: Vec<_> = readers.iter().map(|_| AtomicUsize::new(0)).collect();
    let one = |read: &(dyn Fn(&Scene, &AtomicBool) -> usize + Sync), total: &AtomicUsize| {
        // Of this thread alone, and of the processes that it starts.
        let _ = nice(5);
        total.fetch_add(read(scene, &stop), Ordering::SeqCst);
    };
    thread::scope(|scope| {
        for ((count, read), total) in readers.iter().zip(&totals) {
            for _ in 0..*count {
                let one = &one;
                scope.spawn(move || one(*read, total));
            }
        }
        // Also when the work fails: nobody would wait for a reader that never stops.
        let _stops = Stop(&stop);
        work();
    });
    totals.into_iter().map(AtomicUsize::into_inner).collect()
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
