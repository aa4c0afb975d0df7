//! File descriptors for tests that hold hundreds of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have as many as it may: some systems give a program 256 unless it asks.
pub fn as_many_as_allowed() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the connections will tell.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
