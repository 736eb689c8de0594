//! Records that need a real CSV parser: quoted cells, and line ends within them.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::lines::{Line, Lines};
use super::rows::Fault;
use crate::error::{Error, Result};

/// A CSV parser that holds one record.
#[derive(Debug)]
pub(super) struct Records {
    parser: Reader,
    bytes: Vec<u8>,
    /// Ends of the cells in `bytes`.
    ends: Vec<usize>,
    filled: usize,
    cells: usize,
}

/// What was read behind the first line of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct More {
    /// Bytes.
    pub(super) bytes: usize,
    /// Line ends among them.
    pub(super) lines: u64,
}

impl Records {
    pub(super) fn new(delimiter: u8) -> Self {
        let parser = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Self { parser, bytes: vec![0; 4096], ends: vec![0; 256], filled: 0, cells: 0 }
    }

    /// The cells of the last record.
    pub(super) fn cells(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.cells).map(|i| {
            let start = if i == 0 { 0 } else { self.ends[i - 1] };
            &self.bytes[start..self.ends[i]]
        })
    }

    /// Reads the first record of an input; gives its line.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] when there is none, [`Error::BadRecord`] when it cannot be read.
    pub(super) fn first(&mut self, lines: &mut Lines) -> Result<u64> {
        loop {
            let line = lines.next()?;
            let number = lines.number();
            let fault = match line {
                None => {
                    let what = format!("{}: records", lines.place());
                    return Err(Error::InsufficientData { what, needed: 1, got: 0 });
                }
                Some(Line::Text(line)) if line.is_empty() => continue,
                Some(Line::Text(line)) => match self.read(lines, &line)? {
                    Ok(more) => {
                        lines.skip(more);
                        return Ok(number);
                    }
                    Err(fault) => fault,
                },
                Some(Line::TooLong) => Fault::too_long(lines.max_line_bytes()),
            };
            return Err(Error::BadRecord {
                place: lines.place().to_owned(),
                line: number,
                column: String::new(),
                value: String::from_utf8_lossy(&fault.value).into_owned(),
                expected: fault.expected,
            });
        }
    }

    /// Parses the record that starts with the line read last, and looks at the lines behind it while a
    /// quote is open. They stay unread: skip what is returned to go on behind the record.
    pub(super) fn read(&mut self, lines: &mut Lines, line: &Range<usize>) -> Result<Result<More, Fault>> {
        self.parser.reset();
        (self.filled, self.cells) = (0, 0);
        if memchr::memchr(0, &lines.bytes()[line.clone()]).is_some() {
            return Ok(Err(Fault::record("\\0", "text without NUL bytes")));
        }
        let mut done = self.feed(&lines.bytes()[line.clone()]).1 || self.feed(lines.last_line_end()).1;
        let mut seen = 0;
        while !done {
            let (consumed, complete) = self.feed(&lines.rest()[seen..]);
            seen += consumed;
            done = complete;
            if done {
                break;
            }
            let too_long = line.len() + seen > lines.max_line_bytes();
            if too_long || !lines.fill()? {
                done = !too_long && self.feed(b"\n").1;
                if !done {
                    return Ok(Err(Fault::record("\"", "a quote that is closed")));
                }
            }
        }
        let text = lines.rest().get(..seen).unwrap_or_default();
        if memchr::memchr(0, text).is_some() {
            return Ok(Err(Fault::record("\\0", "text without NUL bytes")));
        }
        Ok(Ok(More { bytes: seen, lines: memchr::memchr_iter(b'\n', text).count() as u64 }))
    }

    /// Gives the parser more of the record; returns what it consumed, and whether the record is complete.
    fn feed(&mut self, mut input: &[u8]) -> (usize, bool) {
        let length = input.len();
        loop {
            if input.is_empty() {
                return (length, false); // The parser would take no input for the end of the file.
            }
            let (result, read, wrote, ended) =
                self.parser.read_record(input, &mut self.bytes[self.filled..], &mut self.ends[self.cells..]);
            input = &input[read..];
            self.filled += wrote;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return (length - input.len(), true),
            }
        }
    }
}
