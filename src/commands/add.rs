//! `add NAME URL`: NAME stands for URL from now on.

use crate::cli::AddArgs;
use crate::config::Environment;
use crate::config::edit::{self, Draft, NewServer};
use crate::failure::Outcome;
use crate::reply;
use crate::store::config_file;

/// Runs the verb.
///
/// # Errors
/// `usage` for a bad name, `config_invalid` for a bad URL or a bad file, `url_mismatch` for a name that
/// stands for another URL already, `cache_unwritable`.
pub fn run(args: &AddArgs, environment: &Environment) -> Outcome<()> {
    write(&args.name, &new_server(args), environment)?;
    let unattended = ["client_credentials", "jwt_bearer", "enterprise_managed"];
    let needs_login = args.grant.as_deref().is_none_or(|grant| !unattended.contains(&grant));
    let next = if needs_login { "login" } else { "get" };
    reply::note(&format!("{} stands for {}; next: mcp-credential {next} {}", args.name, args.url, args.name));
    Ok(())
}

fn new_server(args: &AddArgs) -> NewServer {
    let options = [
        ("clientId", &args.client_id),
        ("clientSecretFile", &args.client_secret_file),
        ("clientSecretEnv", &args.client_secret_env),
        ("privateKeyFile", &args.private_key_file),
        ("assertionFile", &args.assertion_file),
        ("assertionEnv", &args.assertion_env),
        ("scope", &args.scope),
        ("grant", &args.grant),
        ("tokenUrl", &args.token_url),
        ("authorizationUrl", &args.authorization_url),
        ("issuer", &args.issuer),
        ("clientMetadataUrl", &args.client_metadata_url),
        ("metadataUrl", &args.metadata_url),
        ("trustedIssuer", &args.trusted_issuer),
    ];
    let mut new = NewServer::new(&args.url);
    for (key, value) in options {
        if let Some(value) = value {
            new = new.with(key, value.as_str());
        }
    }
    if args.allow_missing_pkce_metadata {
        new = new.with("allowMissingPkceMetadata", true);
    }
    if !args.allow_private_host.is_empty() {
        new = new.with("allowPrivateHosts", args.allow_private_host.clone());
    }
    match args.callback_port {
        Some(port) => new.with("callbackPort", port),
        None => new,
    }
}

/// Puts `new` into the configuration under `name`.
///
/// # Errors
/// As [`run`].
pub fn write(name: &str, new: &NewServer, environment: &Environment) -> Outcome<()> {
    let file = Draft::open(environment)?.file;
    config_file::change(&file, || edit::add(&Draft::open(environment)?, name, new, environment))
}
