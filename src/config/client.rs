//! The client as the configuration describes it: identifier, secret, and how it authenticates.
//!
//! Owns what must go together there. A secret is only pointed to: whether it is missing shows when a request
//! needs it, because a fresh token is answered without one.

use super::merge::Merged;
use super::server::CLIENT_NAME;
use super::validate::{absolute_path, printable};
use super::{AuthMethod, Environment, Grant, SecretSource, Server};
use crate::failure::Outcome;
use crate::secret::Secret;
use std::path::Path;

/// Fills in what is stated about the client.
///
/// # Errors
/// `config_invalid` that names the key.
pub(super) fn fill(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.client_id = merged.parsed("clientId", printable)?;
    server.client_secret = client_secret(merged, env)?;
    let has_secret = server.client_secret != SecretSource::None;
    if server.client_id.is_none() && (has_secret || server.grant == Grant::ClientCredentials) {
        let why = if has_secret { "the client secret" } else { "the grant client_credentials" };
        return Err(merged.missing("clientId", &format!("is missing; {why} needs it")));
    }
    let grant = server.grant;
    let known_public = server.client_id.is_some() && !has_secret && grant == Grant::AuthorizationCode;
    server.auth_method = merged.parsed("authStyle", |style| match style {
        "header" => Ok(AuthMethod::ClientSecretBasic),
        "body" if known_public => Ok(AuthMethod::None),
        "body" => Ok(AuthMethod::ClientSecretPost),
        "none" if has_secret => {
            Err("is `none`, which sends no secret, yet one is configured; drop one".to_owned())
        }
        "none" => Ok(AuthMethod::None),
        "private_key_jwt" => {
            Err("asks for `private_key_jwt`, which is not supported by this version".to_owned())
        }
        _ => Err("must be header, body or none".to_owned()),
    })?;
    server.client_name = merged.parsed("clientName", printable)?.unwrap_or_else(|| CLIENT_NAME.to_owned());
    Ok(())
}

fn client_secret(merged: &mut Merged, env: &Environment) -> Outcome<SecretSource> {
    let mut given = Vec::new();
    if let Some(value) = merged.text("clientSecret")? {
        given.push(SecretSource::Value(Secret::new(value)));
    }
    given.extend(absolute_path(merged, "clientSecretFile", env)?.map(SecretSource::File));
    given.extend(merged.parsed("clientSecretEnv", variable)?.map(SecretSource::Variable));
    let (command, stated) = merged.list("clientSecretCommand")?;
    if let Some(stated) = stated {
        if let Some(problem) = command_problem(&command) {
            return Err(merged.complain(&stated, problem));
        }
        given.push(SecretSource::Command(command));
    }
    if given.len() > 1 {
        let problem = "is given in several ways; keep one of clientSecret, clientSecretFile, clientSecretEnv, \
                       clientSecretCommand";
        return Err(merged.about("clientSecret", problem));
    }
    Ok(given.pop().unwrap_or_default())
}

/// A program is found on `PATH` or by an absolute path, never below the caller's directory.
fn command_problem(command: &[String]) -> Option<&'static str> {
    let Some(program) = command.first() else { return Some("must name a program, then its arguments") };
    let has_directory = program.contains('/') || program.contains(std::path::MAIN_SEPARATOR);
    (has_directory && !Path::new(program).is_absolute())
        .then_some("must name its program by an absolute path, or by its bare name")
}

fn variable(name: &str) -> Result<String, String> {
    let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if valid { Ok(name.to_owned()) } else { Err("must be the name of an environment variable".to_owned()) }
}
