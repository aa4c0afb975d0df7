use super::*;
use crate::store::testing::Folder;
use std::sync::Barrier;
use std::thread;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn case_59_a_directory_that_others_may_write_to_is_refused() {
    let folder = Folder::new();
    let store = folder.store();
    for directory in [store.home(), store.cache()] {
        for open in [0o720, 0o702, 0o777] {
            mode(directory, open);
            assert_eq!(store.check().unwrap_err().code, Code::InsecureStorage, "{open:o}");
        }
        mode(directory, 0o700);
        store.check().unwrap();
    }
}

#[test]
fn case_62_first_runs_at_once_end_with_one_key() {
    for _ in 0..20 {
        let folder = Folder::new();
        let store = folder.store();
        let start = Barrier::new(8);
        let first_run = || {
            start.wait();
            store.key_for_writing().unwrap().id().to_owned()
        };
        let ids: Vec<String> = thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(first_run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}
