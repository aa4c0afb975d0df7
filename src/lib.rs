//! mcp-credential: one OAuth login for every MCP client on this machine.

pub mod broker;
pub mod clock;
pub mod config;
pub mod failure;
pub mod oauth;
pub mod secret;
pub mod store;
pub mod text;
pub mod token;
