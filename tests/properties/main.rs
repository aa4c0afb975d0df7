//! What must hold for every input, tried on inputs that nobody thought of.
//!
//! One module for each room. Each run draws other inputs; a failure prints the smallest input that breaks the
//! law, which then becomes a test of its own. More of them:
//! `PROPTEST_CASES=20000 cargo test --release --test properties`.

#[path = "../laws/mod.rs"]
mod laws;

mod broker;
mod callback;
mod challenge;
mod clear;
mod config;
mod dead;
mod discovery;
mod json;
mod names;
mod open;
mod reach;
mod record;
mod request;
mod text;
mod token;
mod token_answer;
mod url;
mod urls;

use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Debug;

/// One of these, the simplest first.
fn one_of<T: Clone + Debug + 'static>(items: impl Into<Vec<T>>) -> impl Strategy<Value = T> + Clone {
    select(items.into())
}

/// Checks that `law` holds for inputs drawn from `inputs`.
#[track_caller]
fn holds<S: Strategy>(inputs: S, law: impl Fn(S::Value)) {
    check(1, inputs, law);
}

/// [`holds`] for a law that takes long: tries an eighth as many inputs.
#[track_caller]
fn holds_slowly<S: Strategy>(inputs: S, law: impl Fn(S::Value)) {
    check(8, inputs, law);
}

#[track_caller]
fn check<S: Strategy>(part: u32, inputs: S, law: impl Fn(S::Value)) {
    let default = Config::default();
    let config = Config { cases: default.cases.div_ceil(part), failure_persistence: None, ..default };
    let outcome = TestRunner::new(config).run(&inputs, |input| {
        law(input);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
