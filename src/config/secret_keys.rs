//! Where a secret is, as the keys of the configuration say it: by value, file, variable or command.
//!
//! Owns what each of these keys must look like, and that only one of them is set. It reads no secret.

use super::keys::KEYS;
use super::merge::Merged;
use super::validate::absolute_path;
use super::{Environment, SecretPlace, SecretSource, Setting};
use crate::failure::Outcome;
use crate::secret::Secret;
use std::path::Path;

/// The source of `setting`. Only the keys that the table of keys knows can be stated.
///
/// # Errors
/// `config_invalid` that names the key.
pub(super) fn source(merged: &mut Merged, setting: Setting, env: &Environment) -> Outcome<SecretSource> {
    let key = setting.key();
    if merged.beginning_with(key).is_none() {
        return Ok(SecretSource::new(setting, SecretPlace::None));
    }
    let mut given = Vec::new();
    if let Some(value) = merged.text(key)? {
        given.push(SecretPlace::Value(Secret::new(value)));
    }
    given.extend(absolute_path(merged, &format!("{key}File"), env)?.map(SecretPlace::File));
    given.extend(merged.parsed(&format!("{key}Env"), variable)?.map(SecretPlace::Variable));
    let (command, stated) = merged.list(&format!("{key}Command"))?;
    if let Some(stated) = stated {
        if let Some(problem) = command_problem(&command) {
            return Err(merged.complain(&stated, problem));
        }
        given.push(SecretPlace::Command(command));
    }
    if given.len() > 1 {
        let keys: Vec<&str> =
            KEYS.iter().map(|known| known.name).filter(|name| name.starts_with(key)).collect();
        let problem = format!("is given in several ways; keep one of {}", keys.join(", "));
        return Err(merged.about(keys.first().unwrap_or(&key), &problem));
    }
    Ok(SecretSource::new(setting, given.pop().unwrap_or_default()))
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
