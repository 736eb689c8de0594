//! Reading the lines of one file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::chain::{self, Head, MAX_LINE};
use super::header::{Header, MAGIC};
use super::state::LedgerState;
use crate::error::{Error, Result};

/// What was read of a file.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    /// The first line; `None` while the file is empty.
    pub(super) header: Option<Header>,
    pub(super) state: LedgerState,
    pub(super) head: Head,
    /// Bytes of whole lines.
    pub(super) offset: u64,
    /// Bytes after them, of a line without an end.
    pub(super) torn: u64,
}

impl Scanned {
    pub(super) fn empty() -> Self {
        Self { header: None, state: LedgerState::default(), head: Head::start(), offset: 0, torn: 0 }
    }

    /// Verifies and adds the lines after the ones that were read before.
    pub(super) fn read_on(&mut self, file: &mut File, path: &Path) -> Result<()> {
        let io = |error| Error::io(path, error);
        file.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        self.torn = 0;
        loop {
            match next_line(&mut reader, &mut line).map_err(io)? {
                Line::End => return Ok(()),
                Line::Whole => self.add(&line, path)?,
                Line::Torn => {
                    self.torn = line.len() as u64;
                    return self.check_torn(&line, path);
                }
                Line::TooLong => {
                    return Err(self.too_long(&line, path));
                }
            }
        }
    }

    fn add(&mut self, line: &[u8], path: &Path) -> Result<()> {
        if self.header.is_none() {
            let (header, head) = chain::header(line, path)?;
            self.state = LedgerState::of_header(&header);
            self.header = Some(header);
            self.head = head;
        } else {
            let (record, head) = self.head.record(line, path)?;
            self.state.apply(&record).map_err(|reason| self.head.broken(path, reason.to_owned()))?;
            self.head = head;
        }
        self.offset += line.len() as u64 + 1;
        Ok(())
    }

    /// A line without an end is cut off later, so the file must be a ledger.
    fn check_torn(&self, line: &[u8], path: &Path) -> Result<()> {
        let common = line.len().min(MAGIC.len());
        if self.header.is_none() && line[..common] != MAGIC[..common] {
            return chain::header(line, path).map(|_| ());
        }
        Ok(())
    }

    fn too_long(&self, line: &[u8], path: &Path) -> Error {
        if self.header.is_none()
            && let Err(error) = chain::header(line, path)
        {
            return error;
        }
        self.head.broken(path, format!("the line has more than {MAX_LINE} bytes"))
    }
}

/// What [`next_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The end of the file.
    End,
    /// A line; its line break is removed.
    Whole,
    /// A line without a line break.
    Torn,
    /// More than [`MAX_LINE`] bytes without a line break.
    TooLong,
}

/// Reads the next line, but not more than [`MAX_LINE`] bytes.
pub(super) fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Line> {
    line.clear();
    reader.take(MAX_LINE as u64).read_until(b'\n', line)?;
    Ok(match line.last() {
        None => Line::End,
        Some(b'\n') => {
            line.pop();
            Line::Whole
        }
        Some(_) if line.len() == MAX_LINE => Line::TooLong,
        Some(_) => Line::Torn,
    })
}
