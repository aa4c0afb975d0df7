//! The system calls of one refresh, numbered: those on a file of the store by the file, the others by their name
//! alone.
//!
//! Owns the numbering, which is strace's own: each number comes from a run with the same filter as the injection
//! that uses it, and from a second one, since a loaded machine may cut what is said into more pieces. Left out are
//! calls whose number is up to the scheduler or the allocator; they touch neither a file nor a socket.
//! `MCP_CREDENTIAL_SYSCALLS=all` visits every point; without it one of [`SAMPLED`] is, from another beginning at each
//! run. The beginning is printed, and `MCP_CREDENTIAL_SYSCALLS_FIRST` brings it back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Without the variable one point of so many is visited.
const SAMPLED: usize = 24;

/// Calls whose number differs from run to run, the one that starts the process, and last the one that is numbered
/// by its files alone.
const UNSTEADY: [&str; 12] = [
    "brk",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "execve",
    "futex",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "sched_yield",
    "write",
];

/// One system call of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub call: String,
    /// The file that it is about, below the root of its numbering, where it has one.
    pub file: Option<PathBuf>,
    /// The how-manieth it is, of that name and file, in its process.
    pub when: usize,
}

impl Point {
    /// What tells strace to do `what` there, in a run whose files lie below `root`.
    pub fn options(&self, root: &Path, what: &str) -> Vec<String> {
        let mut options = vec![format!("--trace={}", self.call)];
        options.push(format!("--inject={}:{what}:when={}", self.call, self.when));
        options.extend(self.file.iter().map(|file| only(root, file)));
        options
    }

    /// Whether it is about the file of the store whose name ends so.
    pub fn is_about(&self, ending: &str) -> bool {
        self.file.as_ref().is_some_and(|file| file.to_string_lossy().ends_with(ending))
    }
}

fn only(root: &Path, file: &Path) -> String {
    let path: PathBuf = root.join(file).components().collect();
    format!("--trace-path={}", path.display())
}

/// Every point of the run that `trace` makes with these options of strace, again and again; its files lie below
/// `root`.
pub fn points(root: &Path, mut trace: impl FnMut(&[String]) -> String) -> Vec<Point> {
    let all = "--trace=all".to_owned();
    let mut twice = |options: &[String]| [trace(options), trace(options)];
    let whole = twice(std::slice::from_ref(&all));
    let below = root.to_string_lossy().trim_end_matches('/').to_owned();
    let mut points = Vec::new();
    for file in files(&whole[0], &below) {
        let logs = twice(&[all.clone(), only(root, &file)]);
        points.extend(
            in_both(&logs, Some(&file)).into_iter().filter(|point| !UNSTEADY[..11].contains(&&*point.call)),
        );
    }
    let on_files: BTreeSet<&str> = whole
        .iter()
        .flat_map(|log| calls(log))
        .filter(|(_, _, line)| line.contains(&below))
        .map(|(_, name, _)| name)
        .collect();
    let bare = in_both(&whole, None)
        .into_iter()
        .filter(|point| !on_files.contains(&*point.call) && !UNSTEADY.contains(&&*point.call));
    points.extend(bare);
    points
}

/// The points that two runs have in common.
fn in_both(logs: &[String; 2], file: Option<&Path>) -> Vec<Point> {
    let second: Vec<Point> = numbered(&logs[1], file).collect();
    numbered(&logs[0], file).filter(|point| second.contains(point)).collect()
}

/// Every point that two logs have in common by its name alone, without calls that can neither write nor send
/// anything.
pub fn by_name(logs: &[String; 2]) -> Vec<Point> {
    let idle = ["close", "fcntl", "getrandom", "prlimit64", "sched_getaffinity"];
    let matters = |point: &Point| {
        !UNSTEADY.contains(&&*point.call) && !idle.contains(&&*point.call) && !point.call.starts_with("rt_")
    };
    in_both(logs, None).into_iter().filter(matters).collect()
}

/// Those of `points` that this run visits.
pub fn visited<T>(points: Vec<T>) -> Vec<T> {
    if std::env::var_os("MCP_CREDENTIAL_SYSCALLS").is_some_and(|amount| amount == "all") {
        return points;
    }
    let first = first();
    println!(
        "MCP_CREDENTIAL_SYSCALLS_FIRST={first}: every {SAMPLED}th of {} points from there on",
        points.len()
    );
    points.into_iter().skip(first).step_by(SAMPLED).collect()
}

/// Where a sample begins.
fn first() -> usize {
    if let Ok(told) = std::env::var("MCP_CREDENTIAL_SYSCALLS_FIRST") {
        return told
            .parse()
            .unwrap_or_else(|_| panic!("MCP_CREDENTIAL_SYSCALLS_FIRST is a number, not `{told}`"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.subsec_micros() as usize % SAMPLED
}

/// The calls of a log: process, name and line. The rest of a call that was interrupted by another line is none.
fn calls(log: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    log.lines().filter_map(|line| {
        let text = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let process = &line[..line.len() - text.len()];
        let (name, _) = text.trim_start().split_once('(')?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_name && !name.is_empty()).then_some((process, name, text))
    })
}

/// The points of a log. A process that makes fewer calls of a name than another one adds none.
fn numbered<'a>(log: &str, file: Option<&'a Path>) -> impl Iterator<Item = Point> + 'a {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for (process, name, _) in calls(log).filter(|(_, name, _)| !name.starts_with("exit")) {
        *counts.entry((process, name)).or_default() += 1;
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in counts {
        let most = most.entry(name.to_owned()).or_default();
        *most = count.max(*most);
    }
    most.into_iter().flat_map(move |(call, most)| {
        (1..=most).map(move |when| Point { call: call.clone(), file: file.map(Path::to_owned), when })
    })
}

/// Every file and directory that the log names, relative to `root`; `root` itself is the empty one.
fn files(log: &str, root: &str) -> BTreeSet<PathBuf> {
    let ends = ['"', '>', '<', ','];
    log.match_indices(root)
        .map(|(at, _)| log[at + root.len()..].split(ends).next().unwrap_or_default())
        .map(|file| PathBuf::from(file.trim_start_matches('/')))
        .collect()
}
