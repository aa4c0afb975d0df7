//! Advisory whole-file locks (`flock(2)`), the only user of fs2.
//!
//! A lock belongs to the open file, not to a process: it lives on in a child that inherited the file, and
//! ends with the last handle, however its holders die. Lock files are permanent; one that was deleted or
//! replaced by hand is noticed by comparing device and inode. Works on local file systems.

use super::file;
use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use fs2::FileExt;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// How often a lock file that is replaced under our hands is opened again.
const REOPENS: usize = 8;
/// The pause between two tries to lock a directory.
const PAUSE: Duration = Duration::from_millis(2);

/// A lock file that is tried, perhaps many times.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    file: Option<File>,
}

/// A lock that is held until this value is dropped.
#[derive(Debug)]
pub struct Held {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// The lock at `path`; nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Takes the lock if it is free, without waiting.
    ///
    /// # Errors
    /// `cache_unwritable` where the file cannot be opened or the file system knows no locks, `insecure_storage`
    /// where something else than a file of ours is in its place: then nothing may be redeemed.
    pub fn try_take(&mut self) -> Outcome<Option<Held>> {
        for _ in 0..REOPENS {
            let file = match self.file.take() {
                Some(file) => file,
                None => file::open_or_create(&self.path, |error| self.unusable(error))?,
            };
            if !try_flock(&file).map_err(|error| self.unusable(&error))? {
                // A replaced file would be waited for in vain.
                self.file = is_at(&file, &self.path).then_some(file);
                return Ok(None);
            }
            if is_at(&file, &self.path) {
                return Ok(Some(Held { file, path: self.path.clone() }));
            }
        }
        Ok(None)
    }

    fn unusable(&self, error: &io::Error) -> Failure {
        let text = format!(
            "{} cannot be locked ({error}); keep the state directory on a local file system that you can write to",
            path_line(&self.path)
        );
        Failure::new(Code::CacheUnwritable, text)
    }
}

impl Held {
    /// The lock that another process handed over as an open file.
    ///
    /// # Errors
    /// When the file is not the lock at `path`, or somebody else holds it.
    pub fn inherited(file: File, path: &Path) -> io::Result<Self> {
        if !is_at(&file, path) || !try_flock(&file)? {
            return Err(io::Error::other("the lock that was handed over is not held"));
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Whether the lock file is still the one at its path: if not, somebody else may hold "the" lock.
    #[must_use]
    pub fn is_current(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Hands the lock over to a child as one of its standard streams. Our handle is closed with the
    /// command; the child keeps the lock.
    #[must_use]
    pub fn into_stdio(self) -> Stdio {
        Stdio::from(self.file)
    }
}

/// Locks a file that nobody else should have locked; `false` when somebody has.
///
/// # Errors
/// The system's.
pub fn try_flock(file: &File) -> io::Result<bool> {
    loop {
        match FileExt::try_lock_exclusive(file) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Locks `directory` for as long as the file lives; `None` where others have had it for longer than `patience`.
///
/// # Errors
/// The system's.
pub fn lock_directory(directory: &Path, patience: Duration) -> io::Result<Option<File>> {
    let opened = File::open(directory)?;
    let limit = Instant::now() + patience;
    while !try_flock(&opened)? {
        if Instant::now() >= limit {
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
    Ok(Some(opened))
}

/// Whether `file` is the one at `path`, not one that was put there later.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(theirs)) => identity(ours) == identity(theirs),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;
    use rustix::fs::{FileType, Mode};

    #[test]
    fn a_held_lock_is_not_taken_twice_and_is_free_after_its_drop() {
        let folder = Folder::new();
        let path = folder.path().join("lock");
        let held = LockFile::new(path.clone()).try_take().unwrap().unwrap();
        let mut second = LockFile::new(path);
        assert!(second.try_take().unwrap().is_none());
        drop(held);
        assert!(second.try_take().unwrap().is_some());
    }

    #[test]
    fn a_deleted_lock_file_is_noticed_by_its_holder_and_by_a_waiter() {
        let folder = Folder::new();
        let path = folder.path().join("lock");
        let held = LockFile::new(path.clone()).try_take().unwrap().unwrap();
        let mut waiter = LockFile::new(path.clone());
        assert!(waiter.try_take().unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(!held.is_current());
        assert!(waiter.try_take().unwrap().is_none(), "notices that the path is another file");
        assert!(waiter.try_take().unwrap().is_some(), "and then takes the new one");
    }

    #[test]
    fn a_lock_on_a_file_that_was_deleted_meanwhile_does_not_count() {
        let folder = Folder::new();
        let path = folder.path().join("lock");
        let held = LockFile::new(path.clone()).try_take().unwrap().unwrap();
        let mut waiter = LockFile::new(path.clone());
        assert!(waiter.try_take().unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        drop(held);
        let taken = waiter.try_take().unwrap().unwrap();
        assert!(taken.is_current(), "what was waited for is nobody's any more");
    }

    /// Refused without a hang, with the way out.
    #[track_caller]
    fn is_refused(path: PathBuf, fix: &str) {
        let refused = LockFile::new(path).try_take().unwrap_err();
        assert_eq!(refused.code, Code::InsecureStorage);
        assert!(refused.message.contains(fix), "{refused}");
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_refused() {
        let folder = Folder::new();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink(folder.path().join("victim"), &path).unwrap();
        is_refused(path, "remove the link");
        assert!(!folder.path().join("victim").exists());
    }

    #[test]
    fn a_pipe_socket_or_directory_in_the_place_of_the_lock_is_refused_and_left_as_it_is_case_57() {
        let folder = Folder::new();
        let (pipe, socket, directory) =
            (folder.path().join("pipe"), folder.path().join("socket"), folder.path().join("directory"));
        let make =
            |path: &PathBuf, kind| rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::from(0o640), 0);
        make(&pipe, FileType::Fifo).unwrap();
        // By a listener only where the path is short.
        make(&socket, FileType::Socket).unwrap();
        std::fs::create_dir(&directory).unwrap();
        let before = std::fs::metadata(&pipe).unwrap().mode();
        for path in [pipe.clone(), socket, directory] {
            is_refused(path, "is not a regular file; move it away");
        }
        assert_eq!(std::fs::metadata(&pipe).unwrap().mode(), before);
    }
}
