//! `add NAME URL`: NAME stands for URL from now on.

use crate::cli::AddArgs;
use crate::config::edit::{self, NewServer};
use crate::config::{self, Environment};
use crate::failure::Outcome;
use crate::reply;
use crate::store::config_file;

/// Runs the verb.
///
/// # Errors
/// `usage` for a bad name, `config_invalid` for a bad URL or a bad file, `url_mismatch` for a name that
/// stands for another URL already, `cache_unwritable`.
pub fn run(args: &AddArgs, environment: &Environment) -> Outcome<()> {
    let new = NewServer {
        url: args.url.clone(),
        client_id: args.client_id.clone(),
        client_secret_file: args.client_secret_file.clone(),
        client_secret_env: args.client_secret_env.clone(),
        scope: args.scope.clone(),
        grant: args.grant.clone(),
        token_url: args.token_url.clone(),
        authorization_url: args.authorization_url.clone(),
        issuer: args.issuer.clone(),
        callback_port: args.callback_port,
    };
    write(&args.name, &new, environment)?;
    let next = if args.grant.as_deref() == Some("client_credentials") { "get" } else { "login" };
    reply::note(&format!("{} stands for {}; next: mcp-credential {next} {}", args.name, args.url, args.name));
    Ok(())
}

/// Puts `new` into the configuration under `name`.
///
/// # Errors
/// As [`run`].
pub fn write(name: &str, new: &NewServer, environment: &Environment) -> Outcome<()> {
    config::name::check(name)?;
    let path = config::file_path(environment)?;
    config_file::change(&path, |text| edit::add(text, name, new))
}
