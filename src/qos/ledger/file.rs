//! The file of a ledger: opened, locked, appended to, and replaced by a new one when it is full.

use std::fs::{File, OpenOptions, rename};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::chain::Head;
use super::header::{Header, VERSION};
use super::outcome::Outcome;
use super::record::LedgerRecord;
use super::scan::Scanned;
use super::state::LedgerState;
use crate::error::{Error, Result};

/// What is added to the name of a ledger for its next file, until it is complete.
const NEXT: &str = ".next";

/// The open file of a ledger and what was read of it.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    file: File,
    pub(super) scanned: Scanned,
    /// Bytes of lines without an end that were cut off.
    pub(super) torn_bytes: u64,
    pub(super) torn_lines: u64,
    /// Bytes of the first line and the live decisions that it is followed by.
    start: u64,
    is_writable: bool,
}

impl Store {
    /// Opens or creates a file, and reads it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = Self::handle(path)?;
        let mut store = Self::of(path, file, true);
        store.locked(|_| Ok(()))?;
        Ok(store)
    }

    /// Opens a file for reading only, and reads it.
    pub(super) fn open_read_only(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let mut store = Self::of(path, file, false);
        store.refresh()?;
        Ok(store)
    }

    fn of(path: &Path, file: File, is_writable: bool) -> Self {
        let (path, scanned) = (path.to_path_buf(), Scanned::empty());
        Self { path, file, scanned, torn_bytes: 0, torn_lines: 0, start: 0, is_writable }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the file, from 1.
    pub(super) fn number(&self) -> u32 {
        self.scanned.header.as_ref().map_or(1, |header| header.file)
    }

    /// A handle to read and append with. A file that was prepared by a rotation that stopped takes its place.
    fn handle(path: &Path) -> Result<File> {
        let next = named(path, NEXT);
        if !path.exists() && next.exists() {
            rename(&next, path).map_err(|error| Error::io(&next, error))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(path).map_err(|error| Error::io(path, error))
    }

    /// Reads what other programs have written.
    pub(super) fn refresh(&mut self) -> Result<()> {
        if self.is_writable {
            return self.locked(|_| Ok(()));
        }
        if self.is_replaced()? {
            let replaced = Self::open_read_only(&self.path)?;
            self.file = replaced.file;
            self.scanned = replaced.scanned;
            return Ok(());
        }
        self.file.lock_shared().map_err(|error| Error::io(&self.path, error))?;
        let read = self.read_on();
        let unlocked = self.file.unlock().map_err(|error| Error::io(&self.path, error));
        read.and(unlocked)
    }

    /// Runs `work` while no other program can write, after it has read what others have written.
    pub(super) fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if !self.is_writable {
            return Err(Error::invalid("ledger", "open for writing", "a ledger that is open for reading"));
        }
        self.lock()?;
        let done = self.prepare().and_then(|()| work(self));
        let unlocked = self.file.unlock().map_err(|error| Error::io(&self.path, error));
        let value = done?;
        unlocked?;
        Ok(value)
    }

    /// Locks the newest file.
    fn lock(&mut self) -> Result<()> {
        loop {
            self.file.lock().map_err(|error| Error::io(&self.path, error))?;
            if !self.is_replaced()? {
                return Ok(());
            }
            let file = Self::handle(&self.path)?;
            // Closing the old file unlocks it.
            self.file = file;
            self.scanned = Scanned::empty();
        }
    }

    /// Whether the path names another file than the open one.
    fn is_replaced(&self) -> Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let io = |error| Error::io(&self.path, error);
            let named = match self.path.metadata() {
                Ok(named) => named,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                Err(error) => return Err(io(error)),
            };
            let open = self.file.metadata().map_err(io)?;
            Ok((named.dev(), named.ino()) != (open.dev(), open.ino()))
        }
        #[cfg(not(unix))]
        {
            // The first line of each file has its number.
            let Some(known) = &self.scanned.header else { return Ok(false) };
            let mut file = match File::open(&self.path) {
                Ok(file) => io::BufReader::new(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                Err(error) => return Err(Error::io(&self.path, error)),
            };
            let mut line = Vec::new();
            super::scan::next_line(&mut file, &mut line).map_err(|error| Error::io(&self.path, error))?;
            Ok(super::chain::header(&line, &self.path)?.0.file != known.file)
        }
    }

    fn read_on(&mut self) -> Result<()> {
        let len = self.file.metadata().map_err(|error| Error::io(&self.path, error))?.len();
        if len < self.scanned.offset {
            return Err(self
                .scanned
                .head
                .broken(&self.path, "lines that were read before are missing".into()));
        }
        let had_header = self.scanned.header.is_some();
        self.scanned.read_on(&mut self.file, &self.path)?;
        if !had_header {
            // More than the start of the file where it has records already: it is rotated later, never too early.
            self.start = self.scanned.offset;
        }
        Ok(())
    }

    /// Reads what others have written, cuts off a line without an end, and writes the first line of a new file.
    fn prepare(&mut self) -> Result<()> {
        self.read_on()?;
        if self.scanned.torn > 0 {
            self.torn_lines += 1;
            self.torn_bytes += self.scanned.torn;
            self.file.set_len(self.scanned.offset).map_err(|error| Error::io(&self.path, error))?;
            self.scanned.torn = 0;
        }
        if self.scanned.header.is_none() {
            let header = Header::first();
            let (line, head) = Head::start().seal(&header)?;
            self.write(&line)?;
            self.scanned.head = head;
            self.scanned.header = Some(header);
            self.start = self.scanned.offset;
        }
        Ok(())
    }

    /// Appends a record. The caller holds the lock.
    pub(super) fn append(&mut self, record: &LedgerRecord) -> Result<()> {
        let (line, head) = self.scanned.head.seal(record)?;
        let check = self.scanned.state.check(record);
        check.map_err(|reason| Error::invalid("outcome", "one that fits what is live", reason))?;
        self.write(&line)?;
        self.scanned.head = head;
        self.scanned
            .state
            .apply(record)
            .map_err(|reason| self.scanned.head.broken(&self.path, reason.to_owned()))
    }

    /// Writes whole lines at the end with one call. A part of a line is removed again.
    fn write(&mut self, line: &[u8]) -> Result<()> {
        let io = |error| Error::io(&self.path, error);
        self.file.seek(SeekFrom::Start(self.scanned.offset)).map_err(io)?;
        let written = loop {
            match self.file.write(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => break written,
            }
        };
        let error = match written {
            Ok(n) if n == line.len() => {
                self.scanned.offset += line.len() as u64;
                return Ok(());
            }
            Ok(_) => io::ErrorKind::WriteZero.into(),
            Err(error) => error,
        };
        let _ = self.file.set_len(self.scanned.offset);
        Err(Error::io(&self.path, error))
    }

    /// Waits until the disk has what was written.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| Error::io(&self.path, error))
    }

    /// Finishes the file and starts a new one, where the file is full. The caller holds the lock.
    pub(super) fn rotate_if_full(&mut self, max_bytes: u64) -> Result<()> {
        if self.scanned.offset < max_bytes.max(self.start.saturating_mul(2)) {
            return Ok(());
        }
        let (header, start) = self.next_file()?;
        let next = named(&self.path, NEXT);
        let io = |path: &Path, error| Error::io(path, error);
        let mut file = File::create(&next).map_err(|error| io(&next, error))?;
        let mut scanned = Scanned::empty();
        file.write_all(&start).and_then(|()| file.sync_all()).map_err(|error| io(&next, error))?;
        let mut file =
            OpenOptions::new().read(true).write(true).open(&next).map_err(|error| io(&next, error))?;
        file.lock().map_err(|error| io(&next, error))?;
        scanned.read_on(&mut file, &next)?;
        let finished = finished(&self.path, header.file - 1);
        if finished.exists() {
            return Err(io(&finished, io::ErrorKind::AlreadyExists.into()));
        }
        self.file.sync_all().map_err(|error| io(&self.path, error))?;
        rename(&self.path, &finished).map_err(|error| io(&finished, error))?;
        match rename(&next, &self.path) {
            // Another program found no file and put the new one in its place already.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.exists() => {}
            renamed => renamed.map_err(|error| io(&next, error))?,
        }
        self.start = scanned.offset;
        self.scanned = scanned;
        // Closing the finished file unlocks it.
        self.file = file;
        Ok(())
    }

    /// The first line of the next file, and its bytes with the live decisions.
    fn next_file(&self) -> Result<(Header, Vec<u8>)> {
        let (state, head) = (&self.scanned.state, &self.scanned.head);
        let header = Header {
            ledger: "qosguard".into(),
            version: VERSION,
            file: self.number() + 1,
            seq: head.next,
            previous: head.hash.clone(),
            time: state.clock.time,
            elapsed_us: state.clock.elapsed_us,
            live: state.n_live(),
            decisions: state.decisions(),
            ended: state.ended(),
        };
        let (mut bytes, mut head) = head.seal(&header)?;
        for record in carried(state) {
            let record = LedgerRecord { seq: head.next, previous: head.hash.clone(), ..record };
            let (line, after) = head.seal(&record)?;
            bytes.extend(line);
            head = after;
        }
        Ok((header, bytes))
    }
}

/// The live decisions as records, without their places in the chain.
fn carried(state: &LedgerState) -> impl Iterator<Item = LedgerRecord> + '_ {
    let (time, elapsed_us) = (state.clock.time.unwrap_or(0), state.clock.elapsed_us);
    state.live().map(move |decision| {
        let outcome: Outcome = decision.outcome;
        let entry = decision.entry(outcome, state.rest_s(decision), &decision.reason);
        let mut record = LedgerRecord::new(entry, 0, "", time, elapsed_us);
        record.since = Some(decision.since);
        record
    })
}

/// A finished file of a ledger.
pub(super) fn finished(path: &Path, number: u32) -> PathBuf {
    named(path, &format!(".{number}"))
}

fn named(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
