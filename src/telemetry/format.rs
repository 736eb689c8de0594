//! What kind of text a file holds, told by its name and by its first line.

use std::path::Path;

use super::json_record::RecordKeys;

/// The kinds of text that have a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Cells between delimiters.
    Csv,
    /// One flat JSON object a line.
    JsonLines,
}

impl Format {
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
