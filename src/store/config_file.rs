//! Changing the configuration file: under a lock, as one step.

use super::draft::{self, Durable};
use super::file::unwritable;
use super::lock::LockFile;
use super::place::make_directory;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another change is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Replaces the content of the file at `path` by what `make` returns; `make` runs under a lock, so what it
/// reads is what it changes. A link at `path` is kept: its target is replaced.
///
/// # Errors
/// Those of `make`, `lock_timeout`, `cache_unwritable`, and `insecure_storage` for root in a directory of another. The file is then as it was.
pub fn change(path: &Path, make: impl FnOnce() -> Outcome<Secret>) -> Outcome<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_directory(folder).map_err(|error| unwritable(folder, &error))?;
    refuse_folder_of_another(folder)?;
    let _held = lock(&path)?;
    let text = make()?;
    if std::fs::read(&path).is_ok_and(|before| before == text.expose().as_bytes()) {
        return Ok(());
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    draft::sweep(folder, &[name.to_owned()]);
    draft::replace(&path, text.expose().as_bytes(), Durable::Yes).map_err(|error| unwritable(&path, &error))
}

/// What root puts in the place of another user's file, that user could not read any more.
fn refuse_folder_of_another(folder: &Path) -> Outcome<()> {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || std::fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0) {
        return Ok(());
    }
    let text = format!("{} belongs to another user; run this as that user, without sudo", folder.display());
    Err(Failure::new(Code::InsecureStorage, text))
}

fn lock(path: &Path) -> Outcome<super::lock::Held> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut lock = LockFile::new(PathBuf::from(name));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(held) = lock.try_take()? {
            return Ok(held);
        }
        if Instant::now() >= deadline {
            let text = format!("another process is changing {}; try again", path.display());
            return Err(Failure::new(Code::LockTimeout, text));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn changes_at_once_are_all_kept() {
        let folder = Folder::new();
        let path = folder.path().join("new").join("config.json");
        std::thread::scope(|scope| {
            for digit in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let longer = || {
                        let before = std::fs::read_to_string(path).unwrap_or_default();
                        Ok(Secret::new(format!("{before}{digit}")))
                    };
                    change(path, longer).unwrap();
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap().len(), 8);
    }

    #[test]
    fn a_refused_change_leaves_the_file_alone() {
        let folder = Folder::new();
        let path = folder.path().join("config.json");
        std::fs::write(&path, "before").unwrap();
        let refused = change(&path, || Err(Failure::new(Code::ConfigInvalid, "no")));
        assert_eq!(refused.unwrap_err().code, Code::ConfigInvalid);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    }
}
