//! OAuth as MCP uses it: discovery, registration, login and token requests.
//!
//! It knows nothing of files and locks; what it needs comes in, what it learned goes out.

pub mod client_auth;
pub mod grant;
pub mod http;
pub mod url;

#[cfg(test)]
mod testing;
