//! Public data that tests and benches read and the repository does not contain: the folder `QOSGUARD_DATA`, by default the
//! first `shared/data` next to or above the package.
//!
//! A test without its data is skipped. It prints a message on standard error and writes its name to the file
//! `QOSGUARD_SKIPPED`, which `make test` counts. With `QOSGUARD_REQUIRE_DATA=1` it fails.
#![allow(dead_code, reason = "most of those who look for data need one of the two")]

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file or folder, by its path below the data; `None` with a message if it does not exist.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    if path.exists() {
        return Some(path);
    }
    let is_required = env::var("QOSGUARD_REQUIRE_DATA").is_ok_and(|value| value == "1");
    assert!(!is_required, "no {}, which QOSGUARD_REQUIRE_DATA asks for", path.display());
    eprintln!("SKIPPED: no {}; set QOSGUARD_DATA", path.display());
    if let Some(skipped) = env::var_os("QOSGUARD_SKIPPED") {
        let thread = std::thread::current();
        let line = format!("rust {} {}\n", env!("CARGO_CRATE_NAME"), thread.name().unwrap_or("main"));
        let mut file = OpenOptions::new().create(true).append(true).open(skipped).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    None
}

fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("QOSGUARD_DATA") {
        return folder.into();
    }
    let mut candidates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|f| f.join("shared/data"));
    candidates.find(|f| f.exists()).unwrap_or_else(|| "../shared/data".into())
}

/// The files of a folder in the order of their names; none, with a message, if the folder does not exist.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = find(folder) else { return Vec::new() };
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {}", folder.display());
    paths
}
