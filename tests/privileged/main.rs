//! What only root can set up: devices, files of other users, and being somebody else.

mod owners;
#[path = "../files/strange.rs"]
mod strange;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::OAuthServer;
use support::{Ran, Sandbox};

/// What only root can put in the place of a file.
const KINDS: [&str; 1] = ["device"];

/// A sandbox in which somebody is logged in, and the generation that is held.
fn logged_in(server: &OAuthServer) -> (Sandbox, String) {
    let sandbox = Sandbox::logged_in(server);
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    (sandbox, held)
}

fn refresh(sandbox: &Sandbox, held: &str) -> Ran {
    sandbox.run(&["refresh", "demo", "--rejected-generation", held])
}
