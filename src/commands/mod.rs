//! One verb a file; each reads as a recipe.

pub mod add;
mod bound;
mod call;
pub mod capabilities;
pub mod client_metadata;
pub mod erase;
mod forget;
pub mod get;
mod interact;
pub mod list;
pub mod login;
mod login_client;
mod login_device;
mod login_flow;
pub mod logout;
mod quiet;
pub mod refresh;
pub mod remove;
mod revoke;
mod session;
mod stale;
pub mod status;
mod step_up;
mod switches;

pub use session::Session;
