//! Where the state directory and the configuration file are.
//!
//! Owns the rules for finding them from `MCP_CREDENTIAL_HOME`, `HOME` and the user database. Every path is
//! absolute: the current directory and the temporary directory are never used, because others choose them.

use super::{Environment, invalid};
use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The variables that name the configuration file, the first one that is set wins.
const FILE_VARIABLES: [&str; 2] = ["MCP_CREDENTIAL_CONFIG", "MCP_PROXY_CONFIG"];

/// Where this user's things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `~/.mcp-credential`, or what `MCP_CREDENTIAL_HOME` names.
    pub state_dir: PathBuf,
    /// The configuration file.
    pub file: PathBuf,
    /// The variable that named the file; then it must exist.
    pub named_by: Option<&'static str>,
}

impl Place {
    /// Finds both.
    ///
    /// # Errors
    /// `config_invalid` where there is no home directory or a path is relative, `insecure_storage` for root in the
    /// home of whoever called `sudo`.
    pub fn find(env: &Environment) -> Outcome<Self> {
        let state_dir = state_dir(env)?;
        for name in FILE_VARIABLES {
            if let Some(path) = env.path(name) {
                let file = absolute(&path, env, || format!("`{name}`"))?;
                return Ok(Self { state_dir, file, named_by: Some(name) });
            }
        }
        let file = state_dir.join("config.json");
        Ok(Self { state_dir, file, named_by: None })
    }
}

fn state_dir(env: &Environment) -> Outcome<PathBuf> {
    if let Some(path) = env.path("MCP_CREDENTIAL_HOME") {
        return absolute(&path, env, || "`MCP_CREDENTIAL_HOME`".to_owned());
    }
    let home = home(env)?;
    let state_dir = home.join(".mcp-credential");
    refuse_home_of_another(&home, &state_dir, env)?;
    Ok(state_dir)
}

/// Root in the home of whoever called `sudo` would make a directory there that its owner cannot use. One that exists
/// is the store's to judge. In a container root may well live in the home of somebody else.
fn refuse_home_of_another(home: &Path, state_dir: &Path, env: &Environment) -> Outcome<()> {
    let caller = env.text("SUDO_UID")?.and_then(|uid| uid.parse::<u32>().ok()).filter(|uid| *uid != 0);
    let Some(caller) = caller else { return Ok(()) };
    let is_foreign = rustix::process::geteuid().is_root()
        && std::fs::metadata(home).is_ok_and(|home| home.uid() == caller)
        && std::fs::symlink_metadata(state_dir).is_err();
    if !is_foreign {
        return Ok(());
    }
    let text = format!(
        "the home directory {} belongs to another user, who could not use what root makes there; run this without sudo, or set `HOME` to root's own (`sudo -H`), or choose `MCP_CREDENTIAL_HOME`",
        path_line(home)
    );
    Err(Failure::new(Code::InsecureStorage, text))
}

fn home(env: &Environment) -> Outcome<PathBuf> {
    let (path, source) = match env.path("HOME") {
        Some(path) => (Some(path), "`HOME`"),
        None => (env.account_home(), "the home directory of this account"),
    };
    match path {
        Some(path) if path.is_absolute() => Ok(path),
        Some(_) => Err(invalid(format!(
            "{source} is not an absolute path; correct it, or set `MCP_CREDENTIAL_HOME` to an absolute path"
        ))),
        None => Err(invalid(
            "there is no home directory: `HOME` is not set and this account has none; \
             set `HOME` or `MCP_CREDENTIAL_HOME` to an absolute path"
                .to_owned(),
        )),
    }
}

/// `path` where it is absolute, with a leading `~` replaced by the home directory; `what` names it in the
/// message.
///
/// # Errors
/// `config_invalid` where it is relative, or begins with `~` and there is no home directory.
pub(super) fn absolute(path: &Path, env: &Environment, what: impl Fn() -> String) -> Outcome<PathBuf> {
    if let Ok(rest) = path.strip_prefix("~") {
        return Ok(home(env)?.join(rest));
    }
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    Err(invalid(format!("{} must be an absolute path; a relative one would depend on the caller", what())))
}
