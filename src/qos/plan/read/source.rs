//! The objects of JSON text and of files that `qosguard assess` and `qosguard watch` write, one at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::table;
use crate::error::{Error, Result};
use crate::progress;

/// Longest line of a JSON file, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// Lines between two checks for cancellation.
const CHECK_EVERY: u64 = 4096;

/// What takes one object, with the name of its source and its line or its place in a list, from 1.
pub(in crate::qos) type Sink<'a> = &'a mut dyn FnMut(&str, u64, &Value) -> Result<()>;

/// The objects of JSON lines, or of one JSON array.
pub(in crate::qos) fn each_of_text(place: &str, text: &str, sink: Sink<'_>) -> Result<()> {
    if text.trim_start().starts_with('[') {
        let values: Vec<Value> =
            serde_json::from_str(text).map_err(|error| not_json(place, 1, text, &error))?;
        return values.iter().zip(1..).try_for_each(|(value, number)| sink(place, number, value));
    }
    each_line(place, text.as_bytes(), sink)
}

/// The objects of a file; `-` is standard input with JSON lines.
pub(in crate::qos) fn each_of_file(path: &Path, sink: Sink<'_>) -> Result<()> {
    if path == Path::new("-") {
        return each_line("standard input", BufReader::new(std::io::stdin()), sink);
    }
    let place = path.display().to_string();
    let mut input = BufReader::new(File::open(path).map_err(|error| Error::io(path, error))?);
    let head = input.fill_buf().map_err(|error| Error::io(path, error))?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    // A row of a table written as JSON has the columns of the record first.
    let is_row = head.starts_with(b"{") && !starts_with_own_key(head);
    match first {
        None => Ok(()),
        Some(b'{') if !is_row => each_line(&place, input, sink),
        Some(_) => table::load(path, sink),
    }
}

/// Whether the first key of a JSON object is one with which a finding or a change of an incident starts.
fn starts_with_own_key(head: &[u8]) -> bool {
    // `action` is the first of the keys in alphabetical order.
    ["id", "event", "action"].iter().any(|key| {
        let starts = [format!("{{\"{key}\":"), format!("{{\"{key}\" :"), format!("{{ \"{key}\":")];
        starts.iter().any(|start| head.starts_with(start.as_bytes()))
    })
}

fn each_line(place: &str, mut input: impl BufRead, sink: Sink<'_>) -> Result<()> {
    let (mut bytes, mut number) = (Vec::new(), 0_u64);
    loop {
        bytes.clear();
        number += 1;
        if number % CHECK_EVERY == 0 {
            progress::check()?;
        }
        let read = (&mut input).take(MAX_LINE).read_until(b'\n', &mut bytes);
        if read.map_err(|error| Error::io(Path::new(place), error))? == 0 {
            return Ok(());
        }
        if bytes.len() as u64 == MAX_LINE {
            return Err(bad(place, number, "", "a longer line", "a line of at most 16 MiB"));
        }
        let line = bytes.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let value = serde_json::from_slice(line)
            .map_err(|error| not_json(place, number, &String::from_utf8_lossy(line), &error))?;
        sink(place, number, &value)?;
    }
}

/// Characters of a value that an error contains at most.
const MAX_SHOWN: usize = 80;

/// The error of a value that cannot be read.
pub(super) fn bad(place: &str, line: u64, column: &str, value: &str, expected: impl Into<String>) -> Error {
    Error::BadRecord {
        place: place.to_owned(),
        line,
        column: column.to_owned(),
        value: value.chars().take(MAX_SHOWN).collect(),
        expected: expected.into(),
    }
}

fn not_json(place: &str, line: u64, text: &str, error: &serde_json::Error) -> Error {
    bad(place, line, "", text, format!("a JSON object ({error})"))
}
