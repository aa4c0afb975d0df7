use super::*;
use crate::store::testing::Folder;
use rustix::io::Errno;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn case_57_a_link_is_not_followed_to_be_read() {
    let folder = Folder::new();
    let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
    drop(create_new(&victim).unwrap());
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    assert_eq!(open_private(&link).unwrap_err().code, Code::InsecureStorage);
    assert!(open_private(&victim).unwrap().is_some());
}

#[test]
fn case_57_a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(open_private(&path).unwrap_err().code));
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(Code::InsecureStorage), "it is waited for");
}

#[test]
fn case_57_a_new_file_takes_the_place_of_nothing() {
    let folder = Folder::new();
    let path = folder.path().join("file");
    std::fs::write(&path, "mine").unwrap();
    assert_eq!(create_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn case_59_a_file_that_others_may_read_is_tightened() {
    let folder = Folder::new();
    let path = folder.path().join("file");
    for mode in [0o640, 0o604, 0o620, 0o777] {
        std::fs::write(&path, "mine").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(read_private(&path).unwrap().unwrap(), b"mine");
        assert_eq!(mode_of(&path), 0o600, "{mode:o}");
    }
}

#[test]
fn case_59_a_file_of_another_user_is_refused() {
    let folder = Folder::new();
    let mut path = PathBuf::from("/etc/passwd");
    if rustix::process::geteuid().is_root() {
        path = folder.path().join("file");
        drop(create_new(&path).unwrap());
        chown(&path, Some(65534), None).unwrap();
    }
    let refused = open_private(&path).unwrap_err();
    assert_eq!(refused.code, Code::InsecureStorage);
    assert!(refused.message.contains("belongs to another user"), "{refused}");
}

#[test]
fn case_54_a_file_of_a_gigabyte_is_not_read() {
    let folder = Folder::new();
    let path = folder.path().join("file");
    create_new(&path).unwrap().set_len(1 << 30).unwrap();
    assert_eq!(read_private(&path).unwrap_err().code, Code::CacheDamaged);
}

#[test]
fn what_could_not_be_read_back_is_not_written_and_the_failure_says_so() {
    let content = |size: u64| vec![0_u8; usize::try_from(size).unwrap()];
    assert!(readable(content(SIZE_LIMIT)).is_ok());
    let failure = unwritable(Path::new("/somewhere/file"), &readable(content(SIZE_LIMIT + 1)).unwrap_err());
    assert_eq!(failure.code, Code::CacheUnwritable);
    assert!(
        failure.message.contains("more than is read back") && !failure.message.contains("free the space")
    );
}

#[test]
fn what_cannot_be_read_now_is_told_from_damage_and_from_missing_rights() {
    let path = Path::new("/somewhere/file");
    let code = |errno: Errno| unreadable(path, &errno.into()).code;
    for errno in [Errno::MFILE, Errno::NFILE, Errno::IO, Errno::NOMEM, Errno::STALE] {
        assert_eq!(code(errno), Code::Unavailable, "{errno}");
    }
    for errno in [Errno::ACCESS, Errno::PERM, Errno::NXIO] {
        assert_eq!(code(errno), Code::InsecureStorage, "{errno}");
    }
}

#[test]
fn a_place_that_cannot_be_written_to_names_what_chooses_another_and_a_full_one_does_not() {
    let told = |errno: Errno| unwritable(Path::new("/.mcp-credential"), &errno.into());
    for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
        let failure = told(errno);
        assert_eq!(failure.code, Code::CacheUnwritable, "{failure}");
        assert!(failure.message.contains("`MCP_CREDENTIAL_HOME`"), "{failure}");
        assert!(!failure.message.contains("space"), "{failure}");
    }
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
        let failure = told(errno);
        assert!(failure.message.contains("free the space"), "{failure}");
        assert!(!failure.message.contains("MCP_CREDENTIAL_HOME"), "{failure}");
    }
}
