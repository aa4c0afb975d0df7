//! `remove NAME`: the configuration forgets a server. Its stored login stays until it is erased.

use super::session::store_of;
use crate::cli::RemoveArgs;
use crate::config::edit::{self, Draft};
use crate::config::{self, Environment, KeySource};
use crate::failure::Outcome;
use crate::reply;
use crate::store::{Slot, Store, config_file};

/// Runs the verb.
///
/// # Errors
/// `usage` for a bad name, `not_found`, `config_invalid` for a bad file, `cache_unwritable`.
pub fn run(args: &RemoveArgs, environment: &Environment) -> Outcome<()> {
    config::name::check(&args.name)?;
    let stored = is_logged_in(&args.name, environment);
    let draft = Draft::open(environment)?;
    // What is not there is not worth a lock file.
    edit::remove(&draft, &args.name)?;
    config_file::change(&draft.file, || edit::remove(&Draft::open(environment)?, &args.name))?;
    let hint = if stored {
        format!("; its login is still stored: mcp-credential logout {} --scope all", args.name)
    } else {
        String::new()
    };
    reply::note(&format!("{} is no longer configured{hint}", args.name));
    Ok(())
}

/// Only for a hint: an entry that is wrong can be removed as well.
fn is_logged_in(name: &str, environment: &Environment) -> bool {
    let store = match config::load(name, environment) {
        Ok(loaded) => Some(store_of(&loaded)),
        Err(_) => config::usual_cache_dir(environment)
            .map(|cache| Store::new(cache.clone(), Some(cache), KeySource::File)),
    };
    store.is_some_and(|store| Slot::new(&store, name).stamp().is_some())
}
