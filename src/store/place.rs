//! Where things lie, and whether the place is safe: `~/.mcp-credential` (0700) and `oauth/` in it.

use super::file::{self, unwritable};
use super::key::{Key, KeySource};
use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The state directory of one user.
#[derive(Debug, Clone)]
pub struct Store {
    home: PathBuf,
    cache: PathBuf,
    others: Vec<PathBuf>,
    key_source: KeySource,
}

impl Store {
    /// A store below `home`, with its records in `cache` where that is given, else in `home/oauth`.
    /// Nothing is touched yet.
    #[must_use]
    pub fn new(home: PathBuf, cache: Option<PathBuf>, key_source: KeySource) -> Self {
        let cache = cache.unwrap_or_else(|| home.join("oauth"));
        Self { home, cache, others: Vec::new(), key_source }
    }

    /// The same where other servers keep their records in `others`: looked into before a key is made, and before a
    /// seed is sent.
    #[must_use]
    pub fn beside(self, others: Vec<PathBuf>) -> Self {
        Self { others, ..self }
    }

    /// The same with its records in `cache`.
    pub(super) fn at(&self, cache: PathBuf) -> Self {
        Self { cache, ..self.clone() }
    }

    /// The state directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The directory of the records.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where other servers keep their records.
    #[must_use]
    pub fn others(&self) -> &[PathBuf] {
        &self.others
    }

    /// Every directory in which records may lie that depend on the key: this one's first.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.cache.clone()];
        for place in std::iter::once(self.home.join("oauth")).chain(self.others.iter().cloned()) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// Where the key comes from.
    #[must_use]
    pub fn key_source(&self) -> &KeySource {
        &self.key_source
    }

    /// Where the key lies, when it is a file.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.home.join("key.bin")
    }

    /// The key to read records with.
    ///
    /// # Errors
    /// `cache_damaged` when it is missing or short, `insecure_storage` when it is open to others.
    pub fn key(&self) -> Outcome<Key> {
        Key::load(&self.key_source, &self.key_path())
    }

    /// The key to write records with: born here, once, while no record exists.
    ///
    /// # Errors
    /// Those of [`Store::key`], and `cache_unwritable`.
    pub fn key_for_writing(&self) -> Outcome<Key> {
        Key::load_or_create(&self.key_source, &self.key_path(), || self.has_records())
    }

    /// Refuses a place that others can write to. A missing place is fine: nothing is there to be read.
    ///
    /// # Errors
    /// `insecure_storage` with the fix.
    pub fn check(&self) -> Outcome<()> {
        check_directory(&self.home)?;
        self.check_cache()
    }

    /// The same for the directory of the records alone.
    ///
    /// # Errors
    /// Those of [`Store::check`], and `unavailable`.
    pub(super) fn check_cache(&self) -> Outcome<()> {
        check_directory(&self.cache)
    }

    /// Creates the directories with mode 0700 where they are missing, and refuses unsafe ones.
    ///
    /// # Errors
    /// `cache_unwritable` or `insecure_storage`.
    pub fn prepare(&self) -> Outcome<()> {
        for directory in [&self.home, &self.cache] {
            make_directory(directory).map_err(|error| unwritable(directory, &error))?;
        }
        self.check()
    }

    /// The names that have a token record, in order.
    ///
    /// # Errors
    /// `unavailable` or `insecure_storage` when the directory cannot be read.
    pub fn names(&self) -> Outcome<Vec<String>> {
        self.names_with(".token.json")
    }

    /// The names that have a file with this ending, in order.
    ///
    /// # Errors
    /// Those of [`Store::names`].
    pub(super) fn names_with(&self, ending: &str) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        for entry in read_directory(&self.cache)? {
            names.extend(entry.strip_suffix(ending).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn has_records(&self) -> Outcome<bool> {
        let sealed = |name: &String| name.ends_with(".token.json") || name.ends_with(".client.json");
        // The key is one for all places, also where a server's records have one of their own.
        for place in self.places() {
            if read_directory(&place)?.iter().any(sealed) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn read_directory(directory: &Path) -> Outcome<Vec<String>> {
    let unreadable = |error: io::Error| file::unreadable(directory, &error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        // A file lies there, and nothing in it.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    Ok(names)
}

/// Creates a directory of ours where it is missing, and what is missing above it, with mode 0700 whatever the umask.
///
/// # Errors
/// The system's.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    // One by one: a umask such as 0777 would leave a parent without rights, and nothing could be made in it.
    directory.parent().map_or(Ok(()), make_directory)?;
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => return Ok(()),
        Ok(()) => {}
    }
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    directory.parent().map_or(Ok(()), file::sync_directory)
}

fn check_directory(directory: &Path) -> Outcome<()> {
    let metadata = match std::fs::metadata(directory) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file::unreadable(directory, &error)),
    };
    let refuse = |what: &str, fix: &str| {
        let text = format!("{} {what}; {fix}", path_line(directory));
        Err(Failure::new(Code::InsecureStorage, text))
    };
    if !metadata.is_dir() {
        return refuse("is not a directory", "move it away");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refuse(
            "belongs to another user",
            "run this as that user, or give it to yourself with chown, or choose MCP_CREDENTIAL_HOME",
        );
    }
    if metadata.mode() & 0o022 != 0 {
        return refuse("can be written by other users", "run chmod 700 on it");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
