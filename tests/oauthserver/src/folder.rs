//! Folders for tests, each of its own.
//!
//! A process id alone is no name: those of containers are small and alike, and a run that was killed leaves its
//! folders behind for the next process of that id.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A new and empty folder where the system keeps what is soon gone; its name begins with `name`.
///
/// # Errors
/// The system makes none there.
pub fn new_folder(name: &str) -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("{name}-{}-{count}", std::process::id()));
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::new_folder;

    #[test]
    fn a_folder_that_is_left_from_somebody_else_is_left_alone() {
        let first = new_folder("oauthserver-folder").unwrap();
        let (stem, count) = first.to_str().unwrap().rsplit_once('-').unwrap();
        let taken = format!("{stem}-{}", count.parse::<u32>().unwrap() + 1);
        std::fs::create_dir(&taken).unwrap();
        std::fs::write(format!("{taken}/theirs"), "").unwrap();
        let second = new_folder("oauthserver-folder").unwrap();
        assert_eq!(std::fs::read_dir(&second).unwrap().count(), 0);
        for folder in [first.to_str().unwrap(), &taken, second.to_str().unwrap()] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
