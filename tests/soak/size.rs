//! How much is done: as much as a change must pass, or more where the environment says so.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// The amount of everything.
#[derive(Debug)]
pub struct Size {
    /// Rotations in a row, and steps of each random mix (`MCP_CREDENTIAL_SOAK`).
    pub rotations: usize,
    /// Processes of a crowd (`MCP_CREDENTIAL_SOAK_PROCESSES`).
    pub processes: usize,
    /// Where the random choices come from (`MCP_CREDENTIAL_SOAK_SEED`); another one each time by default.
    pub seed: u64,
}

impl Size {
    /// What the environment says, printed, so that a failure can be repeated.
    pub fn told() -> Self {
        let size = Self {
            rotations: number("MCP_CREDENTIAL_SOAK").unwrap_or(500),
            processes: number("MCP_CREDENTIAL_SOAK_PROCESSES").unwrap_or(64),
            seed: number("MCP_CREDENTIAL_SOAK_SEED").unwrap_or_else(any_seed),
        };
        println!("{size:?}");
        size
    }

    /// Processes that read without end, beside the ones that rotate.
    pub fn readers(&self) -> usize {
        (self.processes / 16).clamp(4, 8)
    }

    /// Callers that do random things at the same time.
    pub fn actors(&self) -> usize {
        (self.processes / 8).clamp(2, 16)
    }

    /// Short-lived tokens that are used up, one after another.
    pub fn lives(&self) -> usize {
        5 + self.rotations / 100
    }

    /// Crowds, one after another.
    pub fn crowds(&self) -> usize {
        (self.rotations / 500).max(1)
    }
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")))
}

fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos())
}
