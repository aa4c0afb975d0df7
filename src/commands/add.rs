//! `add NAME URL`: NAME stands for URL from now on.

use super::session::store_of;
use crate::cli::AddArgs;
use crate::config::edit::{self, Draft, NewServer};
use crate::config::{self, Environment, Loaded};
use crate::failure::Outcome;
use crate::reply;
use crate::store::{Slot, config_file};

/// Runs the verb.
///
/// # Errors
/// `usage` for a bad name, `config_invalid` for a bad URL or a bad file, `url_mismatch` for a name that
/// stands for another URL already, `cache_unwritable`.
pub fn run(args: &AddArgs, environment: &Environment) -> Outcome<()> {
    write(&args.name, &new_server(args), environment)?;
    let loaded = config::load(&args.name, environment);
    if let Ok(loaded) = &loaded {
        forget_failure(&args.name, loaded);
    }
    // The entry as a whole says it, and so may the environment.
    let unattended = loaded.ok().and_then(|loaded| loaded.server).is_some_and(|s| s.grant.is_unattended());
    let next = if unattended { "get" } else { "login" };
    reply::note(&format!("{} stands for {}; next: mcp-credential {next} {}", args.name, args.url, args.name));
    Ok(())
}

/// Whoever adds has put something right: the next call asks again.
fn forget_failure(name: &str, loaded: &Loaded) {
    let store = store_of(loaded);
    if store.cache().is_dir() && store.check().is_ok() {
        Slot::new(&store, name).state().update(crate::store::state::State::unshare);
    }
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
    let change = |draft: &Draft| edit::add(draft, name, new, environment);
    let draft = Draft::open(environment)?;
    // What is refused leaves not even a lock file behind.
    change(&draft)?;
    config_file::change(&draft.file, || change(&Draft::open(environment)?))
}
