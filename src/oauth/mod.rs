//! OAuth as MCP uses it: discovery, registration, login and token requests.
//!
//! It knows nothing of files and locks; what it needs comes in, what it learned goes out.

pub mod callback;
pub mod challenge;
pub mod client_assertion;
pub mod client_auth;
pub mod discovery;
pub mod grant;
pub mod http;
pub mod known;
pub mod login;
pub mod open;
pub mod ping;
pub mod reach;
pub mod registration;
pub mod revocation;
pub mod url;

#[cfg(test)]
mod testing;
