//! `remove NAME`: the configuration forgets a server. Its stored login stays until it is erased.

use super::session::store_of;
use crate::cli::RemoveArgs;
use crate::config::edit::{self, Draft};
use crate::config::{self, Environment};
use crate::failure::Outcome;
use crate::reply;
use crate::store::{Slot, config_file};

/// Runs the verb.
///
/// # Errors
/// `not_found`, `config_invalid`, `cache_unwritable`.
pub fn run(args: &RemoveArgs, environment: &Environment) -> Outcome<()> {
    let loaded = config::load(&args.name, environment)?;
    config_file::change(&loaded.machine.config_file, || {
        edit::remove(&Draft::open(environment)?, &args.name)
    })?;
    let store = store_of(&loaded);
    let stored = Slot::new(&store, &args.name).stamp().is_some();
    let hint = if stored {
        format!("; its login is still stored: mcp-credential erase {} --scope all", args.name)
    } else {
        String::new()
    };
    reply::note(&format!("{} is no longer configured{hint}", args.name));
    Ok(())
}
