//! All records of a ledger, over all its files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Take};
use std::path::{Path, PathBuf};

use super::chain::{self, Head};
use super::file::finished;
use super::record::LedgerRecord;
use super::scan::{Line, next_line};
use crate::error::{Error, Result};

/// The records of a ledger in order; [`Ledger::records`](super::Ledger::records) returns it.
///
/// Finished files that were removed are left out. The chain is verified within each file, and from file to file where both exist.
#[derive(Debug)]
pub struct LedgerRecords {
    files: VecDeque<PathBuf>,
    open: Option<Open>,
    /// The end of the chain, and of the file before; `None` where that file does not exist.
    last: Option<Head>,
    line: Vec<u8>,
    /// The newest file, and how many of its bytes are read.
    newest: (PathBuf, u64),
}

/// A file that is being read.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    reader: BufReader<Take<File>>,
    head: Option<Head>,
}

impl LedgerRecords {
    pub(super) fn open(path: &Path, number: u32, offset: u64) -> Result<Self> {
        let older = (1..number).map(|number| finished(path, number)).filter(|path| path.exists());
        let mut files: VecDeque<PathBuf> = older.collect();
        files.push_back(path.to_path_buf());
        let newest = (path.to_path_buf(), offset);
        let mut records = Self { files, open: None, last: None, line: Vec::new(), newest };
        records.open_next()?;
        Ok(records)
    }

    fn open_next(&mut self) -> Result<bool> {
        let Some(path) = self.files.pop_front() else { return Ok(false) };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound && path != self.newest.0 => {
                return self.open_next();
            }
            Err(error) => return Err(Error::io(&path, error)),
        };
        let limit = if path == self.newest.0 { self.newest.1 } else { u64::MAX };
        self.open = Some(Open { path, reader: BufReader::new(file.take(limit)), head: None });
        Ok(true)
    }

    fn step(&mut self) -> Result<Option<LedgerRecord>> {
        while let Some(open) = &mut self.open {
            let found =
                next_line(&mut open.reader, &mut self.line).map_err(|error| Error::io(&open.path, error))?;
            match found {
                Line::End => {
                    self.last = open.head.take();
                    self.open = None;
                    self.open_next()?;
                }
                Line::Whole => {
                    if let Some(record) = open.read(&self.line, self.last.as_ref())? {
                        return Ok(Some(record));
                    }
                }
                Line::Torn | Line::TooLong => {
                    let head = open.head.clone().unwrap_or_else(Head::start);
                    return Err(head.broken(&open.path, "the line has no end".into()));
                }
            }
        }
        Ok(None)
    }
}

impl Open {
    /// Verifies a line. The first line of a file is not a record.
    fn read(&mut self, line: &[u8], last: Option<&Head>) -> Result<Option<LedgerRecord>> {
        if let Some(head) = &self.head {
            let (record, head) = head.record(line, &self.path)?;
            self.head = Some(head);
            return Ok(Some(record));
        }
        let (header, head) = chain::header(line, &self.path)?;
        if let Some(last) = last.filter(|last| last.next == header.seq && last.hash != header.previous) {
            return Err(
                last.broken(&self.path, "the hash of the last line of the file before it differs".into())
            );
        }
        self.head = Some(head);
        Ok(None)
    }
}

impl Iterator for LedgerRecords {
    type Item = Result<LedgerRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.open = None;
            self.files.clear();
        }
        step.transpose()
    }
}
