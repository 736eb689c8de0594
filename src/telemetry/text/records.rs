//! Records with quotes, after RFC 4180: cells may hold delimiters, doubled quotes and line ends.

use memchr::{memchr, memchr2};

use super::lines::{Line, Lines};
use crate::error::{Error, Result};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::table::rows::Fault;

/// A parser that holds one record.
#[derive(Debug)]
pub(crate) struct Records {
    delimiter: u8,
    /// The cells without their quotes, one behind the other.
    bytes: Vec<u8>,
    /// Ends of the cells in `bytes`.
    ends: Vec<usize>,
}

impl Records {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, bytes: Vec::new(), ends: Vec::new() }
    }

    /// The cells of the last record.
    pub(crate) fn cells(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| {
            let start = if i == 0 { 0 } else { self.ends[i - 1] };
            &self.bytes[start..self.ends[i]]
        })
    }

    /// Reads the first record of an input; gives its line.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] when there is none, [`Error::BadRecord`] when it cannot be read.
    pub(crate) fn first(&mut self, lines: &mut Lines) -> Result<u64> {
        loop {
            let line = lines.next()?;
            let number = lines.number();
            let fault = match line {
                None => {
                    let what = format!("{}: records", lines.place());
                    return Err(Error::InsufficientData { what, needed: 1, got: 0 });
                }
                Some(Line::Idle) => continue,
                Some(Line::Text(line)) if line.is_empty() => continue,
                Some(Line::Text(line)) => match self.read(lines, line.start)? {
                    Ok(length) => {
                        lines.skip(length);
                        return Ok(number);
                    }
                    Err(fault) => fault,
                },
                Some(Line::TooLong) => Fault::too_long(lines.max_line_bytes()),
            };
            return Err(fault.into_error(lines.place(), number));
        }
    }

    /// Parses the record whose first line is the one read last, and goes back to its start.
    ///
    /// Gives the length of the record: skip that much to go on behind it. Of a record that is refused, skip
    /// the first line only, for a stray quote must not swallow what follows.
    pub(crate) fn read(&mut self, lines: &mut Lines, start: usize) -> Result<Result<usize, Fault>> {
        lines.go_back(start);
        loop {
            let at_end = lines.at_end();
            match self.parse(lines.rest(), at_end) {
                Ok(Some(length)) if memchr(0, &lines.rest()[..length]).is_some() => {
                    return Ok(Err(Fault::record("\\0", Reason::NulByte)));
                }
                Ok(Some(length))
                    if lines.rest()[..length].trim_ascii_end().len() > lines.max_line_bytes() =>
                {
                    return Ok(Err(Fault::too_long(lines.max_line_bytes())));
                }
                Ok(Some(length)) => return Ok(Ok(length)),
                Ok(None) if lines.rest().len() > lines.max_line_bytes() => return Ok(Err(open_quote())),
                Ok(None) => {
                    lines.fill()?;
                }
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Parses one record; gives its length with the line end, or `None` when it goes on behind the input.
    pub(crate) fn parse(&mut self, input: &[u8], at_end: bool) -> Result<Option<usize>, Fault> {
        self.bytes.clear();
        self.ends.clear();
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let blank = |b: &&u8| **b != self.delimiter && matches!(**b, b' ' | b'\t');
            let blanks = rest.iter().take_while(blank).count();
            let stop = if rest.get(blanks) == Some(&b'"') {
                self.quoted(&rest[blanks..], at_end)?.map(|stop| blanks + stop)
            } else {
                let stop = memchr2(self.delimiter, b'\n', rest).or(at_end.then_some(rest.len()));
                self.bytes.extend_from_slice(&rest[..stop.unwrap_or(0)]);
                stop
            };
            let Some(stop) = stop else { return Ok(None) };
            self.ends.push(self.bytes.len());
            at += stop;
            match input.get(at) {
                Some(b'\n') => return Ok(Some(at + 1)),
                Some(_) => at += 1,
                None => return Ok(Some(at)),
            }
        }
    }

    /// Parses a quoted cell; gives the position of the delimiter or line end behind it.
    fn quoted(&mut self, input: &[u8], at_end: bool) -> Result<Option<usize>, Fault> {
        let mut at = 1;
        loop {
            let Some(length) = memchr(b'"', &input[at..]) else {
                return if at_end { Err(open_quote()) } else { Ok(None) };
            };
            self.bytes.extend_from_slice(&input[at..at + length]);
            at += length + 1;
            if input.get(at) != Some(&b'"') {
                break;
            }
            self.bytes.push(b'"');
            at += 1;
        }
        let blank = |b: &&u8| **b != self.delimiter && matches!(**b, b' ' | b'\t' | b'\r');
        at += input[at..].iter().take_while(blank).count();
        match input.get(at) {
            Some(&b) if b == self.delimiter || b == b'\n' => Ok(Some(at)),
            Some(_) => Err(Fault::record("\"", Reason::TextAfterQuote)),
            None => Ok(at_end.then_some(at)),
        }
    }
}

fn open_quote() -> Fault {
    Fault::record("\"", Reason::UnclosedQuote)
}
