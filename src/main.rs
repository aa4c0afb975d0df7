//! The door. See `lib.rs` for the house map.

fn main() {}
