//! What kind of records a file holds, by its name and its first bytes.

use std::path::Path;

use super::capture_magic::is_capture;
use crate::telemetry::columnar::ipc;
use crate::telemetry::schema::Schema;
use crate::telemetry::table::options::ReadOptions;
use crate::telemetry::text::eve;
use crate::telemetry::text::json_keys::RecordKeys;
use crate::telemetry::text::zeek;

/// Bytes that distinguish binary files from text.
pub(crate) const HEAD_BYTES: u64 = 8;

/// The kinds of files that have a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Cells between delimiters.
    Csv,
    /// One flat JSON object a line.
    JsonLines,
    /// Zeek's conn.log.
    Zeek,
    /// Suricata's EVE JSON.
    Eve,
    /// Columns in an Arrow IPC file or stream.
    Ipc,
    /// Columns in Parquet.
    Parquet,
    /// Packets in pcap or pcapng.
    Capture,
    /// Datagrams of NetFlow, IPFIX or sFlow.
    Export,
}

/// What export datagrams begin with, and no text does: the version of NetFlow v5, v9, IPFIX or sFlow v5.
const EXPORTS: [&[u8]; 4] = [&[0, 5], &[0, 9], &[0, 10], &[0, 0, 0, 5]];

impl Format {
    /// The format of a binary file that begins with `head`; `None` for text.
    ///
    /// What the file begins with decides, then the name: `.parquet`, `.arrow`, `.ipc` and `.feather`, and `.pcap`,
    /// `.pcapng` and `.cap`, also with `.gz` behind it.
    pub(crate) fn of_bytes(path: &Path, head: &[u8]) -> Option<Self> {
        // No text begins with the mark of an Arrow message.
        if head.starts_with(ipc::MAGIC) || head.starts_with(&[0xff; 4]) {
            return Some(Self::Ipc);
        } else if head.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        } else if is_capture(head) {
            return Some(Self::Capture);
        } else if EXPORTS.iter().any(|version| head.starts_with(version)) {
            return Some(Self::Export);
        }
        let name = path.to_string_lossy().to_ascii_lowercase();
        if [".pcap", ".pcapng", ".cap"].iter().any(|e| name.strip_suffix(".gz").unwrap_or(&name).ends_with(e))
        {
            return Some(Self::Capture);
        }
        match path.extension()?.to_string_lossy().to_ascii_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "arrow" | "ipc" | "feather" => Some(Self::Ipc),
            _ => None,
        }
    }

    /// The format of a text that begins with `head`, of a file for the schemas of the options if there are any.
    ///
    /// The first line decides, then the name: JSON lines for `.jsonl`, `.ndjson` and `.json`,
    /// CSV for any other; a `.gz` behind it does not count. JSON of Zeek and Suricata is read as such unless the
    /// schema is another than theirs.
    pub(crate) fn of_text(path: &Path, head: &[u8], options: &ReadOptions) -> Self {
        let lines = || head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        if lines().next().is_some_and(zeek::is_log) {
            return Self::Zeek;
        }
        let json = is_json(path);
        // The first object may come after broken lines, in a file that is JSON by its name.
        let keys = lines().take(if json { usize::MAX } else { 1 }).find_map(|line| RecordKeys::of(line).ok());
        let named = |schema: &Option<Schema>, name: &str| schema.as_ref().is_some_and(|s| s.name() == name);
        let fits = |name: &str| options.schema.is_none() || named(&options.schema, name);
        let given =
            |name: &str| fits(name) && [&options.schema, &options.fallback].iter().any(|s| named(s, name));
        match keys {
            Some(keys) if eve::is_event(&keys.0) && fits("eve_flow") => Self::Eve,
            Some(keys) if eve::is_kinded(&keys.0) && given("eve_flow") => Self::Eve,
            Some(keys) if zeek::is_record(&keys.0) && fits("zeek_conn") => Self::Zeek,
            Some(_) if fits("eve_flow") && lines().next().and_then(eve::event_path).is_some() => Self::Eve,
            Some(_) => Self::JsonLines,
            None if json => Self::JsonLines,
            None => Self::Csv,
        }
    }
}

/// Whether a text holds a whole line that is not blank.
pub(crate) fn has_line(head: &[u8]) -> bool {
    head.split_inclusive(|&b| b == b'\n').any(|line| line.ends_with(b"\n") && !line.trim_ascii().is_empty())
}

/// Whether a file has the name of JSON lines.
pub(crate) fn is_json(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".jsonl", ".ndjson", ".json"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_before_gz_decides_where_the_text_does_not() {
        let of = |name: &str| Format::of_text(Path::new(name), b"", &ReadOptions::default());
        for name in ["a.jsonl", "a.b.ndjson.gz", "EVE.JSON"] {
            assert_eq!(of(name), Format::JsonLines, "{name}");
        }
        for name in ["a.csv", "a.txt.gz", "json", "a.json.csv", ""] {
            assert_eq!(of(name), Format::Csv, "{name}");
        }
    }

    #[test]
    fn the_first_line_decides_before_the_name() {
        let of = |name: &str, head: &str| {
            Format::of_text(Path::new(name), head.as_bytes(), &ReadOptions::default())
        };
        let conn = r#"{"ts":1.5,"uid":"C","id.orig_h":"::1","conn_state":"SF"}"#;
        for (head, format) in [
            ("\n {\"a\": 1}\n", Format::JsonLines),
            ("{a},{b}\n", Format::Csv),
            ("#separator \\x09\n#fields\tts\n", Format::Zeek),
            ("#fields\tts\n", Format::Zeek),
            ("{\"timestamp\":\"t\",\"event_type\":\"stats\",\"stats\":{}}\n", Format::Eve),
            ("{\"event_type\":\"purge\",\"timestamp\":\"t\"}\n", Format::JsonLines),
            (conn, Format::Zeek),
        ] {
            assert_eq!(of("a.log", head), format, "{head}");
        }
        let broken = format!("\"cut\":1}}\n{conn}\n");
        assert_eq!(of("conn.json", &broken), Format::Zeek);
        let own = Some(Schema::builder("own").feature("ts").build().unwrap());
        let own = ReadOptions { schema: own, ..ReadOptions::default() };
        assert_eq!(Format::of_text(Path::new("a.log"), conn.as_bytes(), &own), Format::JsonLines);
    }
}
