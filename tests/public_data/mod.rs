//! Public data that tests and benches read and the repository does not contain: the folder `QOSGUARD_DATA`, by default the
//! first `shared/data` next to or above the package.
#![allow(dead_code, reason = "most of those who look for data need one of the two")]

use std::path::{Path, PathBuf};

/// A file or folder, by its path below the data; where it is not there, says so on standard error.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: no {}; set QOSGUARD_DATA", path.display());
    None
}

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("QOSGUARD_DATA") {
        return folder.into();
    }
    let mut candidates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|f| f.join("shared/data"));
    candidates.find(|f| f.exists()).unwrap_or_else(|| "../shared/data".into())
}

/// The files of a folder, in the order of their names; none, loudly, where the folder is not there.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = find(folder) else { return Vec::new() };
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {}", folder.display());
    paths
}
