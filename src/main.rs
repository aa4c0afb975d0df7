//! The door. See `lib.rs` for the house map.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_credential::main(std::env::args_os())
}
