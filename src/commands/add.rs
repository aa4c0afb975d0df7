//! `add NAME URL`: NAME stands for URL from now on.

use super::session::store_of;
use crate::binding;
use crate::cli::AddArgs;
use crate::clock;
use crate::config::edit::{self, Draft, NewServer};
use crate::config::{self, Environment, Loaded};
use crate::failure::{Code, Failure, Outcome};
use crate::reply;
use crate::store::{Slot, config_file};
use crate::token::Clear;

/// Runs the verb.
///
/// # Errors
/// `usage` for a bad name or a secret that was typed, `config_invalid` for a bad URL or a bad file, `url_mismatch` for a name that
/// stands for another URL already, `cache_unwritable`.
pub fn run(args: &AddArgs, environment: &Environment) -> Outcome<()> {
    if args.client_secret.is_some() {
        let text = "no secret is ever an argument, where others could read it; put it into a file and name that with \
                    `--client-secret-file`, or name a variable that holds it with `--client-secret-env`";
        return Err(Failure::new(Code::Usage, text));
    }
    write(&args.name, &new_server(args), environment)?;
    let loaded = config::load(&args.name, environment);
    if let Ok(loaded) = &loaded {
        forget_failure(&args.name, loaded);
    }
    // The entry as a whole says it, and so may the environment and a login of before.
    let needs_no_login = loaded.is_ok_and(|loaded| needs_no_login(&args.name, &loaded));
    let next = if needs_no_login { "get" } else { "login" };
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

fn needs_no_login(name: &str, loaded: &Loaded) -> bool {
    let Some(server) = &loaded.server else { return false };
    let stored = || Slot::new(&store_of(loaded), name).peek_clear().ok().flatten();
    let is_good = |clear: Clear| {
        binding::check(server, &clear).is_ok() && (clear.can_refresh || clear.is_alive(clock::now()))
    };
    server.grant.is_unattended() || stored().is_some_and(is_good)
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    #[test]
    fn the_options_that_messages_name_are_those_of_the_command_line() {
        let command = AddArgs::augment_args(clap::Command::new("add"));
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let options = shown.filter_map(|argument| argument.get_long().map(|long| format!("--{long}")));
        let mut options: Vec<String> =
            options.filter(|name| !["--log", "--protocol"].contains(&&**name)).collect();
        let mut named: Vec<String> = edit::OPTIONS.iter().map(|key| edit::option(key)).collect();
        options.sort();
        named.sort();
        assert_eq!(named, options);
    }
}
