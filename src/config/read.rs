//! Reads a whole text file, of bounded size, that somebody else wrote.
//!
//! Knows nothing of what is in it. A pipe or a device is refused without waiting for it. The bytes are wiped
//! after use where the caller keeps none of them, because they may hold a secret.

use super::invalid;
use crate::failure::Failure;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// A text file as it was read.
pub(super) struct Text {
    /// The content.
    pub text: Zeroizing<String>,
    /// Its mode and owner at that moment.
    pub metadata: Metadata,
}

/// Reads `path`, which must be a regular file of at most `limit` bytes of UTF-8; `Ok(None)` where there is
/// none. `what` begins the message.
///
/// # Errors
/// `config_invalid` where it cannot be read or is something else.
pub(super) fn text_file(path: &Path, limit: u64, what: &dyn Fn() -> String) -> Result<Option<Text>, Failure> {
    let complain = |problem: &str| invalid(format!("{} {problem}", what()));
    let unreadable =
        |error: &io::Error| complain(&format!("cannot be read ({error}); check its owner and mode"));
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(complain("is not a regular file"));
    }
    let mut bytes = bounded(&file, metadata.len(), limit).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > limit {
        return Err(complain(&format!("is larger than {limit} bytes")));
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Some(Text { text: Zeroizing::new(text), metadata })),
        Err(_) => Err(complain("is not valid UTF-8")),
    }
}

/// Everything up to one byte over `limit`.
pub(super) fn bounded(source: impl Read, expected: u64, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let capacity = usize::try_from(expected.min(limit)).unwrap_or(0).saturating_add(2);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Opening a pipe that nobody writes to would otherwise wait forever.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
