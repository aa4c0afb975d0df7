//! Promises about system calls, proved with strace: what a fresh `get` does not do, and what a refresh comes
//! to when the system kills or refuses it in the middle of a write.
//!
//! Linux only; strace must be there (`tests/run` installs it). Each fault is proved to have happened by
//! strace's own log.

#[path = "syscalls/adopted.rs"]
mod adopted;
#[path = "syscalls/births.rs"]
mod births;
#[path = "syscalls/durable.rs"]
mod durable;
#[path = "syscalls/erased.rs"]
mod erased;
#[path = "syscalls/errors.rs"]
mod errors;
#[path = "syscalls/every.rs"]
mod every;
#[path = "syscalls/first.rs"]
mod first;
#[path = "syscalls/fresh.rs"]
mod fresh;
#[path = "syscalls/kills.rs"]
mod kills;
#[path = "syscalls/late.rs"]
mod late;
#[path = "syscalls/leftovers.rs"]
mod leftovers;
#[path = "syscalls/places.rs"]
mod places;
#[path = "syscalls/points.rs"]
mod points;
#[path = "syscalls/scene.rs"]
mod scene;
#[path = "syscalls/strace.rs"]
mod strace;
mod support;
#[path = "syscalls/system.rs"]
mod system;
