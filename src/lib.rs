//! mcp-credential: one OAuth login for every MCP client on this machine.
//!
//! The way of a token to stdout: `main` -> [`cli`] (what was typed) -> [`commands`] (one verb a file) ->
//! [`config`] (NAME -> a validated server) -> [`broker`] (fresh? then [`reply`]). Only when it is stale:
//! [`vault`] -> [`store`] (lock, read again) -> [`worker`] (a process of its own: reserve, one request by
//! [`oauth`], merge by [`token`], save) -> [`reply`]. A login: [`commands`] -> [`oauth`] -> [`worker`].
//!
//! Directions: `store` never sees `oauth` and `oauth` never sees `store`; only `reply` writes stdout, only
//! `config` reads the environment, only `store` writes files and takes locks. The fresh way touches no TLS,
//! no HTTP, no thread, no lock.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

pub mod binding;
pub mod broker;
pub mod browser;
pub mod cli;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod dpop;
pub mod failure;
pub mod jose;
pub mod logging;
pub mod oauth;
pub mod page;
pub mod probe;
pub mod reply;
pub mod request;
pub mod secret;
pub mod store;
pub mod terminal;
pub mod text;
pub mod token;
pub mod vault;
pub mod worker;

mod door;

pub use door::main;
