//! mcp-credential: one OAuth login for every MCP client on this machine.

pub mod browser;
pub mod clock;
pub mod config;
pub mod failure;
pub mod oauth;
pub mod page;
pub mod secret;
pub mod text;
