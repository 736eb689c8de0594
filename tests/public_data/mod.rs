//! Public data that tests and benches read, and the repository does not hold: below `QOSGUARD_DATA`, else below
//! `../shared/data`.
#![allow(dead_code, reason = "most of those who look for data need one of the two")]

use std::path::PathBuf;

/// A file or folder, by its path below the data; where it is not there, says so on standard error.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let data = std::env::var("QOSGUARD_DATA").unwrap_or_else(|_| "../shared/data".into());
    let path = PathBuf::from(data).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: no {}; set QOSGUARD_DATA", path.display());
    None
}

/// The files of a folder, in the order of their names; none, loudly, where the folder is not there.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = find(folder) else { return Vec::new() };
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {}", folder.display());
    paths
}
