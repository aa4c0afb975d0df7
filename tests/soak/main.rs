//! The real binary under load, against a server that revokes the login at the first reuse of a refresh token:
//! rotations by the thousand, crowds, short lives, and a random mix of everything with kills and deleted lock
//! files.
//!
//! Every test does a bounded amount; `size` says how much. What all callers and all readers saw is written
//! down and must fit one story ([`history`]). Random choices come from a seed that is printed. `cargo test`
//! leaves this out:
//!
//! ```text
//! cargo test --test soak                              # as much as a change must pass
//! MCP_CREDENTIAL_SOAK_SEED=7 cargo test --test soak   # the same choices again
//! tests/exhaustive soak                               # twenty times as much
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../support/mod.rs"]
mod support;

mod answer;
mod crowd;
mod history;
mod mix;
mod random;
mod rotations;
mod scene;
mod short;
mod size;
mod watch;
