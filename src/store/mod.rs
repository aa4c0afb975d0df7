//! The sealed cache on disk: places, locks, records, and the two-step write that loses nothing.
//!
//! The only room that writes files and the only one that takes locks. It knows nothing of OAuth: it keeps
//! what it is given. Limits: one machine, a local file system, cooperating processes of this program.

pub mod client;
pub mod config_file;
pub mod draft;
pub mod file;
pub mod intent;
pub mod issuers;
mod kept;
pub mod key;
pub mod lock;
pub mod place;
pub mod record;
pub mod recover;
pub mod reserve;
pub mod seal;
pub mod seeds;
pub mod slot;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;

pub use place::Store;
pub use slot::Slot;
