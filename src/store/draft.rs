//! Drafts: files that are written under a name of their own and then take the place of another, and what is left of
//! them when a process is killed.
//!
//! A draft is locked by the process that writes it. So a later one tells what is left over from what is under way,
//! and takes only that away. Limit: where the file system knows no locks a leftover stays.

use super::file::{create_new, remove, sync_directory, write_all};
use super::lock::{is_at, try_flock};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How often another name is tried when somebody takes a draft away.
const TRIES: usize = 64;
/// The end of a draft's name, after 16 hexadecimal digits.
const ENDING: &str = ".draft";

/// How much a replaced file must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// A crash of the machine.
    Yes,
    /// The end of this process; a crash may bring the old content back.
    No,
}

/// A new private file that no other process takes away while it is open.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    /// A draft beside `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn beside(path: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let path = draft_of(path)?;
            let file = create_new(&path)?;
            // Whoever sweeps has it locked, and will remove it. Without locks nobody sweeps.
            if try_flock(&file).unwrap_or(true) && is_at(&file, &path) {
                return Ok(Self { path, file });
            }
        }
        Err(io::Error::other("its draft is taken away again and again"))
    }

    /// Its path and its open file, which keeps it.
    #[must_use]
    pub fn into_parts(self) -> (PathBuf, File) {
        (self.path, self.file)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, content: &[u8], durable: Durable) -> io::Result<()> {
        write_all(&mut self.file, content)?;
        if durable == Durable::Yes { self.file.sync_all() } else { Ok(()) }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it away.
    ///
    /// # Errors
    /// The system's.
    pub fn discard(self) -> io::Result<()> {
        remove(&self.path).map(|_| ())
    }
}

/// Puts `content` in the place of `path` as one step. A reader sees the old file or the new one.
///
/// # Errors
/// The system's; the old file is then untouched.
pub fn replace(path: &Path, content: &[u8], durable: Durable) -> io::Result<()> {
    let mut draft = Draft::beside(path)?;
    let written = draft.write(content, durable).and_then(|()| std::fs::rename(draft.path(), path));
    if written.is_err() {
        // The failure to report is the one above.
        let _ = draft.discard();
    } else if durable == Durable::Yes {
        sync_directory(path.parent().unwrap_or(Path::new("/")))?;
    }
    written
}

/// A name beside `path` that nobody else uses.
fn draft_of(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    name.push(format!(".{:016x}{ENDING}", u64::from_ne_bytes(random)));
    Ok(PathBuf::from(name))
}

/// Takes away the drafts of the files of these names in `directory` whose writers are dead. Best effort: what
/// cannot be removed now is tried again by the next one.
pub fn sweep(directory: &Path, names: &[String]) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| names.iter().any(|of| is_draft(name, of))) {
            sweep_one(&entry.path());
        }
    }
}

fn is_draft(name: &str, of: &str) -> bool {
    let digits = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(ENDING));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn sweep_one(path: &Path) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(path, flags, Mode::empty()).map(File::from) else { return };
    if try_flock(&file).unwrap_or(false) && is_at(&file, path) && remove(path).is_ok() {
        log::info!("{} was left by a process that was killed, and is removed", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn what_a_dead_process_left_is_swept_and_what_a_living_one_writes_is_not() {
        let folder = Folder::new();
        let place = folder.path().join("file");
        let living = Draft::beside(&place).unwrap();
        drop(Draft::beside(&place).unwrap());
        let others = ["file.json.0123456789abcdef.draft", "file.intent.draft", "file.0123456789abcdeg.draft"];
        for other in others {
            std::fs::write(folder.path().join(other), "").unwrap();
        }
        sweep(folder.path(), &["file".to_owned()]);
        assert!(living.path().exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1 + others.len());
        living.discard().unwrap();
    }

    #[test]
    fn a_file_is_replaced_while_others_sweep() {
        let folder = Folder::new();
        let place = folder.path().join("file");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    sweep(folder.path(), &["file".to_owned()]);
                }
            });
            let replaced =
                (1..=400_u32).try_for_each(|count| replace(&place, &count.to_ne_bytes(), Durable::No));
            done.store(true, Ordering::SeqCst);
            replaced.unwrap();
        });
        assert_eq!(std::fs::read(&place).unwrap(), 400_u32.to_ne_bytes());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
