//! The documentation is true: its examples are what the program prints, its tables are the program's own,
//! its commands can be typed and its links lead somewhere.
//!
//! Limit: prose is not understood; only what stands in blocks, tables, code and links is checked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../support/mod.rs"]
mod support;

mod block;
mod commands;
mod examples;
mod golden;
mod page;
mod promises;
mod schema;
mod settings;
mod tables;
