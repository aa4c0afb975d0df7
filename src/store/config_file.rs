//! Changing the configuration file: under a lock, as one step.

use super::file::{self, Durable, unwritable};
use super::lock::LockFile;
use crate::failure::{Code, Failure, Outcome};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another change is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Replaces the content of the file at `path` by what `change` makes of it; `None` stands for a missing one.
/// A link at `path` is kept: its target is replaced.
///
/// # Errors
/// Those of `change`, `lock_timeout`, and `cache_unwritable`. The file is then as it was.
pub fn change(path: &Path, change: impl FnOnce(Option<&str>) -> Outcome<String>) -> Outcome<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| unwritable(folder, &error))?;
    let _held = lock(&path)?;
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let text = format!("the configuration file {} cannot be read ({error})", path.display());
            return Err(Failure::new(Code::ConfigInvalid, text));
        }
    };
    let after = change(before.as_deref())?;
    if before.as_deref() == Some(after.as_str()) {
        return Ok(());
    }
    file::replace(&path, after.as_bytes(), Durable::Yes).map_err(|error| unwritable(&path, &error))
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
                    change(path, |text| Ok(format!("{}{digit}", text.unwrap_or_default()))).unwrap();
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
        let refused = change(&path, |_| Err(Failure::new(Code::ConfigInvalid, "no")));
        assert_eq!(refused.unwrap_err().code, Code::ConfigInvalid);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    }
}
