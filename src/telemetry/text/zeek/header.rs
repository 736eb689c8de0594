//! The `#` lines of a Zeek log, and the records below them.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memmem};

use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::cell::spelling;
use crate::telemetry::cell::split;
use crate::telemetry::schema::Role;
use crate::telemetry::table::rows::{Fault, Record, Rows};

/// What the last `#` lines said.
#[derive(Debug)]
pub(crate) struct Header {
    separator: u8,
    unset: Vec<u8>,
    empty: Vec<u8>,
    /// The column that each field goes to; none before there was a `#fields` line.
    targets: Vec<Option<usize>>,
    /// Ends of the cells of the line at hand.
    ends: Vec<usize>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: b'\t',
            unset: b"-".to_vec(),
            empty: b"(empty)".to_vec(),
            targets: Vec::new(),
            ends: Vec::new(),
        }
    }
}

/// The name that a field has in the preset.
///
/// Zeek's option `Log::default_scope_sep` sets the text in place of the dot in `id.orig_h`.
pub(crate) fn canonical(field: &str) -> &str {
    if super::DETAILED_LABEL.contains(&field) {
        return "detailedlabel";
    }
    let inner = field.strip_prefix("id").map(|rest| rest.trim_start_matches(|c: char| !c.is_alphanumeric()));
    match inner {
        Some("orig_h") => "id.orig_h",
        Some("orig_p") => "id.orig_p",
        Some("resp_h") => "id.resp_h",
        Some("resp_p") => "id.resp_p",
        _ => field,
    }
}

/// The byte that a `#separator` line names, such as `\x09`; `None` for other lines and for more than one byte.
pub(crate) fn separator(line: &[u8]) -> Option<u8> {
    let value = unescape(line.strip_prefix(b"#separator ")?.trim_ascii());
    if let [byte] = value[..] { Some(byte) } else { None }
}

/// The names of a `#fields` line; blanks may separate the last ones.
pub(crate) fn fields(line: &[u8], separator: u8) -> Option<Vec<String>> {
    let names = line.strip_prefix(b"#fields")?.strip_prefix(&[separator])?;
    let names = names.split(|&b| b == separator || b == b' ').filter(|name| !name.is_empty());
    Some(names.map(|name| spelling::decode(name).into_owned()).collect())
}

impl Header {
    /// Takes in a `#` line.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] for a `#fields` line that lacks a feature.
    pub(crate) fn read(&mut self, line: &[u8], rows: &Rows) -> Result<Record> {
        if line.starts_with(b"#separator") {
            let Some(byte) = separator(line) else {
                return Ok(Record::Row(Err(Fault::record(line, Reason::BadSeparator))));
            };
            self.separator = byte;
        } else if let Some(names) = fields(line, self.separator) {
            self.targets = Self::find(&names, rows)?;
        }
        for (name, value) in [("#unset_field", &mut self.unset), ("#empty_field", &mut self.empty)] {
            if let Some(rest) = line.strip_prefix(name.as_bytes()) {
                *value = rest.strip_prefix(&[self.separator]).unwrap_or_default().to_vec();
            }
        }
        Ok(Record::Directive)
    }

    /// The column that each field goes to.
    fn find(names: &[String], rows: &Rows) -> Result<Vec<Option<usize>>> {
        let mut targets = vec![None; names.len()];
        let mut missing = Vec::new();
        for (i, column) in rows.schema().columns().iter().enumerate() {
            match names.iter().position(|name| canonical(name) == column.name) {
                Some(place) => targets[place] = Some(i),
                None if column.role == Role::Feature => missing.push(column.name.clone()),
                None => {}
            }
        }
        if missing.is_empty() {
            return Ok(targets);
        }
        let (place, schema) = (rows.report().place.clone(), rows.schema().name().to_owned());
        let unknown = names.iter().filter(|name| rows.schema().index_of(canonical(name)).is_none());
        Err(Error::SchemaMismatch { place, schema, missing, unknown: unknown.cloned().collect() })
    }

    /// Appends the cells of a record; columns that it lacks are not filled up.
    pub(crate) fn append(&mut self, rows: &mut Rows, bytes: &[u8], line: Range<usize>) -> Result<(), Fault> {
        let text = &bytes[line.clone()];
        if self.targets.is_empty() {
            return Err(Fault::record(text, Reason::NoFields));
        }
        if memchr(0, text).is_some() {
            return Err(Fault::record("\\0", Reason::NulByte));
        }
        let escaped = memchr(b'\\', text).is_some();
        split::ends(bytes, line.start, line.end, self.separator, &mut self.ends);
        if self.ends.len() < self.targets.len() {
            self.split_tail(bytes);
        }
        if self.ends.len() != self.targets.len() {
            let reason = Reason::WrongCellCount { expected: self.targets.len() };
            return Err(Fault::record(format!("{} cells", self.ends.len()), reason));
        }
        let mut next = line.start;
        for (target, &end) in self.targets.iter().zip(&self.ends) {
            let mut start = next;
            next = end + 1;
            let Some(position) = *target else { continue };
            let Some(column) = rows.columns().get_mut(position) else { continue };
            while start < end && bytes[start] == b' ' {
                start += 1;
            }
            let cell = &bytes[start..end];
            let appended = if cell == self.unset || cell == self.empty {
                column.push_null();
                Ok(())
            } else if !column.is_number() && escaped {
                let cell = unescape(cell);
                if cell.contains(&0) { Err(Reason::NulByte) } else { column.push_cell(&cell) }
            } else if column.is_number() && matches!(cell, b"T" | b"F") {
                column.push_number(f64::from(u8::from(cell == b"T")))
            } else {
                column.push_at(bytes, start, end)
            };
            if let Err(reason) = appended {
                return Err(Fault::cell(position, &bytes[start..end], reason));
            }
        }
        Ok(())
    }

    /// Splits the last cell at two blanks or more.
    fn split_tail(&mut self, bytes: &[u8]) {
        let Some(end) = self.ends.pop() else { return };
        let mut start = self.ends.last().map_or(0, |end| end + 1);
        while let Some(length) = memmem::find(&bytes[start..end], b"  ") {
            self.ends.push(start + length);
            start += length;
            while start < end && bytes[start] == b' ' {
                start += 1;
            }
        }
        self.ends.push(end);
    }
}

/// A cell with its escapes, such as `\x09`, undone.
fn unescape(cell: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', cell).is_none() {
        return Cow::Borrowed(cell);
    }
    let mut plain = Vec::with_capacity(cell.len());
    let mut rest = cell;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.strip_prefix(b"x").and_then(|digits| digits.first_chunk::<2>());
        let code = digits.filter(|digits| byte == b'\\' && digits.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        plain.push(code.unwrap_or(byte));
        rest = if code.is_some() { &behind[3..] } else { behind };
    }
    Cow::Owned(plain)
}
