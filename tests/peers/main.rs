//! The real binary against servers that this project did not write.
//!
//! Owns: the proof that authorization servers of others and the helper understand each other: discovery,
//! registration, PKCE, resource indicators, login in a browser, rotation, reuse, revocation, services. Each
//! folder here holds what starts one of them; docs/CONTRIBUTING.md lists them.
//! Refuses to know: how the helper works inside. It sees arguments, environment, stdout and exit status; what
//! the server saw comes from the server's own record.
//! Limits: needs Node.js, Python, Chromium and what `install.sh` installed; installs nothing itself. `cargo test` leaves it out:
//!
//! ```text
//! tests/peers/install.sh && cargo test --test peers
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on must say where")]
#![allow(clippy::print_stderr, reason = "what the server saw explains a failure")]

mod django;
mod dpop;
mod http;
mod login;
mod oidc_device;
mod oidc_provider;
mod peer;
mod private_key_jwt;
mod python_sdk;
mod refresh;
mod sandbox;
mod service;
mod story;
mod typescript_sdk;
