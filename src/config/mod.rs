//! NAME -> a validated [`Server`]: file, environment, merge, validation.
//!
//! The only room that reads environment variables and `config.json`.

pub mod server;

pub use server::{
    AuthMethod, Callback, Grant, Interactive, Network, ResourceParameter, SecretSource, Server,
};
