//! Lines of a file or stream, plain or gzipped, in bounded memory.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::progress::Cancellable;
use crate::telemetry::cell::number;
use crate::telemetry::cell::split;
use crate::telemetry::files::gzip::{Gunzip, is_gzip};
use crate::telemetry::files::{format, packed};

/// Bytes asked of the input at once.
const CHUNK: usize = 256 << 10;

/// Zero bytes kept behind the data, so that a whole block can be loaded at any of its positions.
const PADDING: usize = if split::LOADED > number::LOADED { split::LOADED } else { number::LOADED };

/// One line of the input.
#[derive(Debug)]
pub(crate) enum Line {
    /// Its place in [`Lines::bytes`], without the line end.
    Text(Range<usize>),
    /// Longer than the cap; read past and not kept.
    TooLong,
    /// None yet: a read of the input would block. The rows so far should be returned; then ask again.
    Idle,
}

/// Splits an input at line feeds.
pub(crate) struct Lines {
    input: Box<dyn Read + Send>,
    place: String,
    bytes: Vec<u8>,
    /// The part of `bytes` that is data and not yet read.
    unread: Range<usize>,
    at_end: bool,
    /// Whether the last attempt to load found that the input would block.
    idle: bool,
    /// Whether the start of this line was dropped because it is too long.
    dropped: bool,
    number: u64,
    max_line_bytes: usize,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("place", &self.place)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// The lines of a file.
    pub(crate) fn open(path: &Path, max_line_bytes: usize) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Self::new(Box::new(file), &path.display().to_string(), max_line_bytes)
    }

    /// The lines of any input, plain or gzipped.
    ///
    /// A byte order mark of UTF-8 is skipped.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for UTF-16 and UTF-32, [`Error::Packed`], [`Error::Io`].
    pub(crate) fn new(mut input: Box<dyn Read + Send>, place: &str, max_line_bytes: usize) -> Result<Self> {
        let mut head = vec![0; format::HEAD_BYTES as usize];
        let mut length = 0;
        while length < head.len() {
            match input.read(&mut head[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(e) if would_block(&e) && length >= 2 => break,
                Err(e) if e.kind() == ErrorKind::Interrupted || would_block(&e) => {}
                Err(e) => return Err(Error::io(Path::new(place), e)),
            }
        }
        head.truncate(length);
        packed::check(place, &head)?;
        let zipped = is_gzip(&head);
        let whole = Cancellable(Cursor::new(head).chain(input));
        let input: Box<dyn Read + Send> =
            if zipped { Box::new(Gunzip::new(BufReader::new(whole))) } else { Box::new(whole) };
        let mut lines = Self {
            input,
            place: place.to_owned(),
            bytes: vec![0; CHUNK + PADDING],
            unread: 0..0,
            at_end: false,
            idle: false,
            dropped: false,
            number: 0,
            max_line_bytes,
        };
        while lines.unread.len() < 4 && lines.fill()? {}
        lines.check_encoding()?;
        if lines.rest().starts_with(b"\xef\xbb\xbf") {
            lines.unread.start += 3;
        }
        Ok(lines)
    }

    fn check_encoding(&self) -> Result<()> {
        let name = match self.rest() {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 with a byte order mark",
            [0, b, 0, d, ..] | [b, 0, d, 0, ..] if *b != 0 && *d != 0 => "UTF-16 without a byte order mark",
            _ => return Ok(()),
        };
        Err(Error::BadRecord {
            place: self.place.clone(),
            line: 1,
            column: String::new(),
            value: name.into(),
            expected: "UTF-8 or Latin-1 text".into(),
        })
    }

    /// Where the lines come from.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Number of the last line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The buffer that ranges point into, with zeros behind the data.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was loaded and not yet read.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.unread.clone()]
    }

    /// What is unread, with more loaded until it is `enough`, or some 256 KiB, or all.
    pub(crate) fn head(&mut self, enough: impl Fn(&[u8]) -> bool) -> Result<&[u8]> {
        while self.rest().len() < CHUNK && !enough(self.rest()) && self.fill()? {}
        Ok(self.rest())
    }

    /// What is unread, with more loaded until it is some 256 KiB, or all that there is yet and a line at least.
    pub(crate) fn sample(&mut self) -> Result<&[u8]> {
        while self.rest().len() < CHUNK && self.fill()? {
            if self.idle && memchr::memchr(b'\n', self.rest()).is_some() {
                break;
            }
        }
        Ok(self.rest())
    }

    /// The longest line that is kept.
    pub(crate) fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// Reads the next line; earlier ranges no longer hold.
    pub(crate) fn next(&mut self) -> Result<Option<Line>> {
        let mut searched = 0;
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.rest()[searched..]).map(|i| i + searched) {
                return Ok(Some(self.end_line(length, length + 1)));
            }
            searched = self.unread.len();
            if searched > self.max_line_bytes + 1 {
                self.dropped = true;
                self.unread.start = self.unread.end;
                searched = 0;
            }
            if !self.fill()? {
                let length = self.unread.len();
                if length == 0 && !self.dropped {
                    return Ok(None);
                }
                return Ok(Some(self.end_line(length, length)));
            }
            if self.idle {
                return Ok(Some(Line::Idle));
            }
        }
    }

    /// Ends a line: `length` bytes long without its start if that was dropped, `total` with its line end.
    fn end_line(&mut self, length: usize, total: usize) -> Line {
        let line = self.take(length, total);
        if std::mem::take(&mut self.dropped) || line.len() > self.max_line_bytes {
            Line::TooLong
        } else {
            Line::Text(line)
        }
    }

    /// Marks a line as read: `length` bytes long, `total` with its line end.
    fn take(&mut self, length: usize, total: usize) -> Range<usize> {
        let start = self.unread.start;
        self.unread.start += total;
        self.number += 1;
        let carriage = self.bytes[start..start + length].ends_with(b"\r");
        start..start + length - usize::from(carriage)
    }

    /// Whether all of the input was loaded.
    pub(crate) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Goes back to `start`, where the line read last begins.
    pub(crate) fn go_back(&mut self, start: usize) {
        self.unread.start = start;
        self.number -= 1;
    }

    /// Marks a record of `length` bytes as read.
    pub(crate) fn skip(&mut self, length: usize) {
        let text = &self.rest()[..length];
        let ends = memchr::memchr_iter(b'\n', text).count();
        let unended = usize::from(!text.ends_with(b"\n"));
        self.unread.start += length;
        self.number += (ends + unended) as u64;
    }

    /// Loads more behind what is unread, which moves to the front; `false` at the end of the input.
    ///
    /// Nothing is loaded where the input would block.
    pub(crate) fn fill(&mut self) -> Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        self.bytes.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.bytes.len() < self.unread.end + CHUNK / 2 + PADDING {
            self.bytes.resize(self.bytes.len() + CHUNK, 0);
        }
        let room = self.unread.end..self.bytes.len() - PADDING;
        self.idle = false;
        let read = loop {
            match self.input.read(&mut self.bytes[room.clone()]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if would_block(&e) => {
                    self.idle = true;
                    break 0;
                }
                read => break read.map_err(|e: io::Error| Error::io(Path::new(&self.place), e))?,
            }
        };
        self.unread.end += read.min(room.len());
        self.at_end = read == 0 && !self.idle;
        let end = self.unread.end;
        self.bytes[end..end + PADDING].fill(0);
        Ok(!self.at_end)
    }
}

/// Whether an input has nothing yet: it does not block, or a time limit of its own ran out.
pub(crate) fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
