//! Files of either kind.

use std::path::Path;

use super::csv::read_csv_with;
use super::json::read_jsonl_with;
use super::options::ReadOptions;
use super::table::Table;
use crate::error::Result;

/// Reads a file of flows: JSON lines for `.jsonl`, `.ndjson` and `.json`, CSV for any other name; a `.gz` behind
/// it does not count.
///
/// # Errors
///
/// As [`read_jsonl`](super::read_jsonl) and [`read_csv`](super::read_csv).
pub fn read(path: impl AsRef<Path>) -> Result<Table> {
    read_with(path, &ReadOptions::default())
}

/// Reads a file of flows with settings, as [`read`] does.
///
/// # Errors
///
/// As [`read_jsonl`](super::read_jsonl) and [`read_csv`](super::read_csv).
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    let path = path.as_ref();
    if is_json(path) { read_jsonl_with(path, options) } else { read_csv_with(path, options) }
}

/// Whether a file's name says JSON lines.
pub(super) fn is_json(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".jsonl", ".ndjson", ".json"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_before_gz_decides() {
        for name in ["a.jsonl", "a.b.ndjson.gz", "EVE.JSON"] {
            assert!(is_json(Path::new(name)), "{name}");
        }
        for name in ["a.csv", "a.txt.gz", "json", "a.json.csv", ""] {
            assert!(!is_json(Path::new(name)), "{name}");
        }
    }
}
