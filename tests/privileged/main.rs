//! What only root can set up: devices, files of other users, and being somebody else.

#[path = "../files/held.rs"]
mod held;
mod owners;
#[path = "../files/strange.rs"]
mod strange;
#[path = "../support/mod.rs"]
mod support;

use held::{logged_in, refresh};

/// What only root can put in the place of a file.
const KINDS: [&str; 1] = ["device"];
