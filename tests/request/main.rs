//! The request object: what a program hands over on standard input, and what comes of it.

mod input;
mod moved;
mod named;
mod step_up;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::{Document, OAuthServer};
use serde_json::{Value, json};
use support::{Ran, Sandbox};

/// Runs `verb` with `object` on its standard input.
fn ask(sandbox: &Sandbox, verb: &[&str], object: &Value) -> Ran {
    sandbox.run_with(&[verb, &["--request", "-"]].concat(), object.to_string().as_bytes())
}

/// The challenge of `server` with these parameters before the place of its metadata.
fn challenge(server: &OAuthServer, parameters: &str) -> String {
    let place = server.document_path(Document::ResourcePath);
    format!("Bearer {parameters}, resource_metadata=\"{}{place}\"", server.origin())
}

/// What a caller hands over whose token of `generation` was refused with `status` and these parameters.
fn refused(server: &OAuthServer, generation: &str, status: u16, parameters: &str) -> Value {
    json!({
        "server": "demo",
        "rejected": {"generation": generation},
        "response": {"status": status, "www_authenticate": [challenge(server, parameters)]}
    })
}
