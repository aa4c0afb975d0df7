//! `capabilities`: what this version can do, for programs.

use crate::cli::{Cli, Format};
use crate::failure::Outcome;
use crate::reply;
use clap::{CommandFactory, ValueEnum};
use serde_json::json;

/// What a caller may rely on besides verbs and formats.
const FEATURES: &[&str] = &[
    "client_credentials",
    "client_metadata_document",
    "conditional_erase",
    "device_code",
    "dpop",
    "dynamic_registration",
    "enterprise_managed",
    "find_by_url",
    "jwt_bearer",
    "min_ttl",
    "private_key_jwt",
    "rejected_generation",
    "request_object",
    "revoke",
    "stated_url",
    "step_up",
    "verify",
];

/// Runs the verb.
///
/// # Errors
/// `other` when stdout is closed.
pub fn run() -> Outcome<()> {
    let command = Cli::command();
    let verbs: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let formats: Vec<String> = Format::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    reply::document(&json!({"versions": [1], "verbs": verbs, "formats": formats, "features": FEATURES}))
}
