//! Who else may read or change the configuration file.
//!
//! It can name commands to run and endpoints to send secrets to, so a file that anybody may write is refused.
//! A secret that others may read is warned of: only its owner knows whether that matters.

use super::read::Text;
use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use std::path::Path;

/// Refuses a file that every user of the machine may change.
///
/// # Errors
/// `insecure_storage` with the command that mends it.
pub(super) fn refuse_open_to_all(text: &Text, file: &Path) -> Outcome<()> {
    if mode(text) & 0o002 == 0 {
        return Ok(());
    }
    let shown = path_line(file);
    let message = format!("every user may change the configuration file {shown}; run: chmod go-w {shown}");
    Err(Failure::new(Code::InsecureStorage, message))
}

/// What is worth a warning: others may change the file, or read a secret in it.
pub(super) fn warning(text: &Text, file: &Path, has_secret: bool) -> Option<String> {
    let (what, who, mode) = match mode(text) {
        mode if mode & 0o020 != 0 => ("change", "the group", "go-w"),
        mode if mode & 0o044 != 0 && has_secret => ("read the secret in", "others", "600"),
        _ => return None,
    };
    let shown = path_line(file);
    Some(format!("{who} may {what} the configuration file {shown}; run: chmod {mode} {shown}"))
}

#[cfg(unix)]
fn mode(text: &Text) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    text.metadata.permissions().mode()
}

#[cfg(not(unix))]
fn mode(_: &Text) -> u32 {
    0
}
