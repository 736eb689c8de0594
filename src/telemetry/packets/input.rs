//! The bytes of a capture: in memory, or a buffer of a stream.

use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::progress::{self, Cancellable};
use crate::telemetry::files::gzip::{Gunzip, is_gzip};

/// Initial size of a stream's buffer. It grows only for a longer record.
const WINDOW: usize = 256 << 10;

/// Bytes of a capture in memory that are prefetched into the cache at once.
const AHEAD: usize = 64 << 10;

/// Reads a capture from its start to its end.
pub(super) struct Input<'a> {
    place: String,
    source: Source<'a>,
    /// Bytes of the input before [`Input::held`].
    before: u64,
    /// Start of the unread part of [`Input::held`].
    unread: usize,
    /// End of the prefetched memory.
    prefetched: usize,
}

enum Source<'a> {
    Memory(&'a [u8]),
    Stream(Stream<'a>),
}

struct Stream<'a> {
    read: Box<dyn Read + Send + 'a>,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that hold data.
    filled: usize,
    end: Option<End>,
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Within its compressed data.
    Cut,
}

impl<'a> Input<'a> {
    /// Bytes in memory, without a copy. Detects gzip by the first two bytes.
    pub(super) fn memory(bytes: &'a [u8], place: &str) -> Self {
        if is_gzip(bytes) {
            return Self::of(place, Source::Stream(Stream::new(Box::new(Gunzip::new(bytes)))));
        }
        Self::of(place, Source::Memory(bytes))
    }

    /// A stream. Detects gzip by the first two bytes.
    pub(super) fn stream(mut read: Box<dyn Read + Send + 'a>, place: &str) -> Result<Self> {
        let mut head = Vec::new();
        read.by_ref().take(2).read_to_end(&mut head).map_err(|e| Error::io(Path::new(place), e))?;
        let zipped = is_gzip(&head);
        let whole = Cancellable(Cursor::new(head).chain(read));
        let read: Box<dyn Read + Send + 'a> =
            if zipped { Box::new(Gunzip::new(BufReader::new(whole))) } else { Box::new(whole) };
        Ok(Self::of(place, Source::Stream(Stream::new(read))))
    }

    fn of(place: &str, source: Source<'a>) -> Self {
        Self { place: place.to_owned(), source, before: 0, unread: 0, prefetched: 0 }
    }

    /// Offset of the next unread byte in the (uncompressed) input.
    pub(super) fn offset(&self) -> u64 {
        self.before + self.unread as u64
    }

    /// The unread bytes in the buffer.
    #[inline(always)]
    pub(super) fn rest(&self) -> &[u8] {
        self.held().get(self.unread..).unwrap_or_default()
    }

    /// Whether the whole input was read, and its compressed data is complete.
    pub(super) fn is_finished(&self) -> bool {
        let whole = match &self.source {
            Source::Memory(_) => true,
            Source::Stream(stream) => stream.end == Some(End::Whole),
        };
        whole && self.rest().is_empty()
    }

    /// Makes [`Input::rest`] hold at least `bytes` bytes; false if the input ends earlier.
    ///
    /// It does not wait for more bytes than that, so that a live stream gives its packets at once.
    #[inline(always)]
    pub(super) fn want(&mut self, bytes: usize) -> Result<bool> {
        if self.unread >= self.prefetched {
            progress::check()?;
            self.prefetch();
        }
        Ok(self.rest().len() >= bytes || self.fill(bytes)?)
    }

    /// Consumes and returns the next `bytes` bytes, or as many as the buffer holds.
    #[inline(always)]
    pub(super) fn take(&mut self, bytes: usize) -> &[u8] {
        let start = self.unread;
        self.unread += bytes.min(self.rest().len());
        self.held().get(start..self.unread).unwrap_or_default()
    }

    /// Skips `bytes` bytes; false if the input ends earlier.
    pub(super) fn skip(&mut self, mut bytes: u64) -> Result<bool> {
        while bytes > 0 {
            if !self.want(1)? {
                return Ok(false);
            }
            let part = usize::try_from(bytes).unwrap_or(usize::MAX);
            bytes -= self.take(part).len() as u64;
        }
        Ok(true)
    }

    /// An error at an offset of this input.
    pub(super) fn error(&self, offset: u64, value: impl Into<String>, expected: impl Into<String>) -> Error {
        Error::BadBytes { place: self.place.clone(), offset, value: value.into(), expected: expected.into() }
    }

    #[inline(always)]
    fn held(&self) -> &[u8] {
        match &self.source {
            Source::Memory(bytes) => bytes,
            Source::Stream(stream) => stream.buffer.get(..stream.filled).unwrap_or_default(),
        }
    }

    /// Prefetches the next bytes of a capture in memory into the cache.
    ///
    /// The position of each record depends on the length of the record before. Without prefetching, the processor waits
    /// for memory at each record.
    #[cold]
    fn prefetch(&mut self) {
        self.prefetched = self.unread + AHEAD;
        if let Source::Memory(bytes) = self.source {
            let ahead = &bytes[self.unread.min(bytes.len())..self.prefetched.min(bytes.len())];
            let sum = ahead.iter().step_by(64).fold(0_u8, |sum, byte| sum ^ byte);
            std::hint::black_box(sum);
        }
    }

    #[cold]
    fn fill(&mut self, bytes: usize) -> Result<bool> {
        let Source::Stream(stream) = &mut self.source else { return Ok(false) };
        stream.buffer.copy_within(self.unread..stream.filled, 0);
        stream.filled -= self.unread;
        self.before += self.unread as u64;
        self.unread = 0;
        if stream.buffer.len() < bytes {
            stream.buffer.resize(bytes, 0);
        }
        while stream.filled < bytes && stream.end.is_none() {
            stream.read_once().map_err(|e| Error::io(Path::new(&self.place), e))?;
        }
        Ok(stream.filled >= bytes)
    }
}

impl<'a> Stream<'a> {
    fn new(read: Box<dyn Read + Send + 'a>) -> Self {
        Self { read, buffer: vec![0; WINDOW], filled: 0, end: None }
    }

    fn read_once(&mut self) -> io::Result<()> {
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        match self.read.read(free) {
            Ok(0) => self.end = Some(End::Whole),
            Ok(bytes) => self.filled += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.end = Some(End::Cut),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
