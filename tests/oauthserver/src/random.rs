//! Unguessable strings: tokens, codes, client ids, tickets.
//!
//! Owns one 32-byte seed of the system's generator, drawn at start, and derives every string from it
//! (SHA-256 over seed and counter). So drawing can fail once, at start, and never inside a request.
//! Limits: good enough for a test server, not reviewed as a general generator.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Source of unguessable strings.
pub(crate) struct Random {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Random {
    /// Draws the seed from the system.
    pub(crate) fn new() -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Self { seed, drawn: AtomicU64::new(0) })
    }

    /// A new string of 256 bits in base64url behind `prefix` (which only helps a reader of test output).
    pub(crate) fn text(&self, prefix: &str) -> String {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new().chain_update(self.seed).chain_update(number.to_le_bytes()).finalize();
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(digest))
    }
}
