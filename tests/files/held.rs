//! A login that a test holds the generation of.

use crate::support::{Ran, Sandbox};
use oauthserver::OAuthServer;

/// A sandbox in which somebody is logged in, and the generation that is held.
pub fn logged_in(server: &OAuthServer) -> (Sandbox, String) {
    let sandbox = Sandbox::logged_in(server);
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    (sandbox, held)
}

/// Asks for another token than the held one.
pub fn refresh(sandbox: &Sandbox, held: &str) -> Ran {
    sandbox.run(&["refresh", "demo", "--rejected-generation", held])
}
