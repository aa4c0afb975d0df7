//! Private files: opened without following links, checked for owner and mode, read with a limit, and private from
//! birth.

use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// The largest file of ours that is read, and so the largest that is written, in bytes.
pub const SIZE_LIMIT: u64 = 512 * 1024;
/// Room for a file whose size is not known, in bytes.
const SMALL_FILE: u64 = 4096;
/// Room in which the end of a file is looked for, in bytes: with less than 32 the library takes a buffer of its own.
const LAST_LOOK: usize = 64;

/// What was to be written could not be read back.
#[derive(Debug)]
struct Oversized;

impl fmt::Display for Oversized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it would be larger than {SIZE_LIMIT} bytes, more than is read back")
    }
}

impl std::error::Error for Oversized {}

/// Opens `path` for reading: no link is followed, and a FIFO or device does not block. The file must be a
/// regular one of ours; a mode that is open to others is tightened to 0600.
///
/// Absent files are `None`.
///
/// # Errors
/// `insecure_storage` for links, other kinds of files, foreign owners and missing rights, `cache_damaged` for a
/// file that is too large, `unavailable` for one that cannot be opened now.
pub fn open_private(path: &Path) -> Outcome<Option<File>> {
    Ok(open_checked(path)?.map(|(file, _)| file))
}

/// An open private file and its size.
fn open_checked(path: &Path) -> Outcome<Option<(File, u64)>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(unreadable(path, &errno.into())),
    };
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    check_private(path, &file, &metadata)?;
    Ok(Some((file, metadata.len())))
}

/// A signal may interrupt an open on a file system that is slow to answer.
fn open(path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, mode))
}

fn check_ours(path: &Path, metadata: &Metadata) -> Outcome<()> {
    if !metadata.is_file() {
        return Err(irregular(path));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(insecure(
            path,
            "belongs to another user",
            "give it to yourself with chown, or move it away",
        ));
    }
    Ok(())
}

fn check_private(path: &Path, file: &File, metadata: &Metadata) -> Outcome<()> {
    check_ours(path, metadata)?;
    if metadata.mode() & 0o077 != 0 {
        log::warn!("{} was open to other users; its mode is now 0600", path_line(path));
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|_| {
            insecure(path, "is open to other users and its mode cannot be changed", "run chmod 600 on it")
        })?;
    }
    if metadata.len() > SIZE_LIMIT {
        return Err(Failure::new(
            Code::CacheDamaged,
            format!(
                "{} is larger than any file of this program; it was left in place; look at it, then take the login away \
                 with `mcp-credential erase NAME --scope all`",
                path_line(path)
            ),
        ));
    }
    Ok(())
}

/// The whole content of a private file, or `None` where there is none.
///
/// # Errors
/// Those of [`open_private`], and `unavailable` when reading fails.
pub fn read_private(path: &Path) -> Outcome<Option<Vec<u8>>> {
    let Some((mut file, size)) = open_checked(path)? else { return Ok(None) };
    read_rest(path, &mut file, size).map(Some)
}

/// The rest of an open private file, with the size limit.
///
/// # Errors
/// `unavailable` when reading fails.
pub fn read_open(path: &Path, file: &mut File) -> Outcome<Vec<u8>> {
    read_rest(path, file, SMALL_FILE)
}

/// Room for `size` bytes and a last look is made at once: the library leaves no copy behind by growing the buffer or by
/// reading into one of its own, and the caller has no more to wipe than need be.
fn read_rest(path: &Path, file: &mut File, size: u64) -> Outcome<Vec<u8>> {
    let room = usize::try_from(size.min(SIZE_LIMIT)).unwrap_or(0) + LAST_LOOK;
    let mut content = Vec::with_capacity(room);
    file.take(SIZE_LIMIT).read_to_end(&mut content).map_err(|error| unreadable(path, &error))?;
    Ok(content)
}

/// `content` if it may become a file that [`read_private`] reads back: what could not be read back must not take the
/// place of what can.
///
/// # Errors
/// For more than [`SIZE_LIMIT`].
pub fn readable(content: Vec<u8>) -> io::Result<Vec<u8>> {
    if content.len() as u64 > SIZE_LIMIT { Err(io::Error::other(Oversized)) } else { Ok(content) }
}

/// Creates `path` for writing with mode 0600, whatever the umask; it must not exist.
///
/// # Errors
/// The system's.
pub fn create_new(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?);
    keep_private(&file, &file.metadata()?)?;
    Ok(file)
}

/// Opens `path` for reading and writing with mode 0600, and creates it where it is missing. What is there must be
/// a regular file of ours: anything else is neither locked nor given another mode.
///
/// # Errors
/// `insecure_storage` for anything else; for other faults what `failed` makes of the system's error.
pub fn open_or_create(path: &Path, failed: impl Fn(&io::Error) -> Failure) -> Outcome<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::RUSR | Mode::WUSR).map(File::from).map_err(|errno| {
        let error = errno.into();
        strange(path, &error).unwrap_or_else(|| failed(&error))
    })?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    check_ours(path, &metadata)?;
    keep_private(&file, &metadata).map_err(|error| failed(&error))?;
    Ok(file)
}

/// A umask such as 0777 would leave the owner without rights to his own file.
fn keep_private(file: &File, metadata: &Metadata) -> io::Result<()> {
    if metadata.mode() & 0o777 == 0o600 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Writes `content` to the beginning of a file that was just opened or rewound.
///
/// A file size limit of the process (`RLIMIT_FSIZE`, `ulimit -f`) is an error like a full disk: left to the
/// system, it would be a signal that ends the process.
///
/// # Errors
/// The system's; `EFBIG` for more than the limit.
pub fn write_all(file: &mut File, content: &[u8]) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| content.len() as u64 > limit) {
        return Err(rustix::io::Errno::FBIG.into());
    }
    file.write_all(content)
}

/// Removes `path`; a missing file is no error.
///
/// # Errors
/// The system's.
pub fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the names in `directory` durable.
///
/// # Errors
/// The system's.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn insecure(path: &Path, what: &str, fix: &str) -> Failure {
    Failure::new(Code::InsecureStorage, format!("{} {what}; {fix}", path_line(path)))
}

fn irregular(path: &Path) -> Failure {
    insecure(path, "is not a regular file", "move it away")
}

/// The failure where an open was refused because something else than a file is there: a link, a directory that
/// should be written to, a socket, or a device that is not there.
fn strange(path: &Path, error: &io::Error) -> Option<Failure> {
    use rustix::io::Errno;
    match Errno::from_io_error(error)? {
        Errno::LOOP => Some(insecure(path, "is a symbolic link", "remove the link")),
        Errno::ISDIR | Errno::NXIO | Errno::NODEV => Some(irregular(path)),
        _ => None,
    }
}

/// The failure of a read of the store. Nothing is known about the content then, so it is not damage: rights have to
/// be mended by a person, and anything else may pass (no file descriptors, a disk that stumbles).
#[must_use]
pub fn unreadable(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return insecure(
            path,
            "may not be read by you",
            "mend its owner and mode, and those of its directories",
        );
    }
    if let Some(failure) = strange(path, error) {
        return failure;
    }
    Failure::new(
        Code::Unavailable,
        format!("{} cannot be read now ({error}); nothing was changed or sent; try again", path_line(path)),
    )
}

/// Whether the system is short of something that comes back by itself, which says nothing about the place.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| shortages.contains(&Errno::from_raw_os_error(code)))
}

/// The failure of a write to the store.
#[must_use]
pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    if is_shortage(error) {
        let text = format!("{} cannot be written now ({error}); try again", path_line(path));
        return Failure::new(Code::Unavailable, text);
    }
    if error.get_ref().and_then(|inner| inner.downcast_ref::<Oversized>()).is_some() {
        let text = format!(
            "{} cannot be written: {error}; nothing was replaced; shorten what the configuration says of that server",
            path_line(path)
        );
        return Failure::new(Code::CacheUnwritable, text);
    }
    let next = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "mend the permissions, or let `MCP_CREDENTIAL_HOME` (for tokens `OAUTH2_TOKEN_CACHE_DIR` or `tokenCacheDir`, where \
             one of them is set) name a directory that you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free the space or raise the limit, then try again"
        }
        _ => "free the space or mend the permissions, then try again",
    };
    Failure::new(Code::CacheUnwritable, format!("{} cannot be written ({error}); {next}", path_line(path)))
}

#[cfg(test)]
mod tests;
