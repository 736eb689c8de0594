//! What kind of records a file holds, told by its name and by its first bytes.

use std::path::Path;

use super::ipc;
use super::json_record::RecordKeys;

/// Bytes that tell columns from text.
pub(super) const HEAD_BYTES: u64 = 8;

/// The kinds of files that have a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Cells between delimiters.
    Csv,
    /// One flat JSON object a line.
    JsonLines,
    /// Columns in an Arrow IPC file or stream.
    Ipc,
    /// Columns in Parquet.
    Parquet,
}

impl Format {
    /// The format of a file of columns that begins with `head`; `None` for text.
    ///
    /// What the file begins with decides, then the name: `.parquet`, and `.arrow`, `.ipc` and `.feather`.
    pub(super) fn of_bytes(path: &Path, head: &[u8]) -> Option<Self> {
        // No text begins with the mark of an Arrow message.
        if head.starts_with(ipc::MAGIC) || head.starts_with(&[0xff; 4]) {
            return Some(Self::Ipc);
        } else if head.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        }
        match path.extension()?.to_string_lossy().to_ascii_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "arrow" | "ipc" | "feather" => Some(Self::Ipc),
            _ => None,
        }
    }

    /// The format of a text that begins with `head`.
    ///
    /// What stands in the first line decides, then the name: JSON lines for `.jsonl`, `.ndjson` and `.json`,
    /// CSV for any other; a `.gz` behind it does not count.
    pub(super) fn of_text(path: &Path, head: &[u8]) -> Self {
        let first = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        let first = first.unwrap_or_default();
        if is_json(path) || serde_json::from_slice::<RecordKeys>(first).is_ok() {
            return Self::JsonLines;
        }
        Self::Csv
    }
}

fn is_json(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".jsonl", ".ndjson", ".json"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_before_gz_decides_where_the_text_does_not() {
        let of = |name: &str| Format::of_text(Path::new(name), b"");
        for name in ["a.jsonl", "a.b.ndjson.gz", "EVE.JSON"] {
            assert_eq!(of(name), Format::JsonLines, "{name}");
        }
        for name in ["a.csv", "a.txt.gz", "json", "a.json.csv", ""] {
            assert_eq!(of(name), Format::Csv, "{name}");
        }
        assert_eq!(Format::of_text(Path::new("a.log"), b"\n {\"a\": 1}\n"), Format::JsonLines);
        assert_eq!(Format::of_text(Path::new("a.log"), b"{a},{b}\n"), Format::Csv);
    }
}
