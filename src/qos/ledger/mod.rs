//! The ledger: what was decided, what became of it, and what is live.

mod chain;
mod config;
mod entry;
mod file;
mod header;
mod live;
mod ocsf;
mod outcome;
mod record;
mod records;
mod scan;
mod sentence;
mod state;
mod time;

use std::path::Path;

use serde::{Deserialize, Serialize};

use self::file::Store;
use self::state::Clock;
use super::policy::prefix::Prefix;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;

pub use config::LedgerConfig;
pub use entry::LedgerEntry;
pub use live::{LiveDecision, LiveEntity};
pub use outcome::{EndedCounts, Outcome};
pub use record::LedgerRecord;
pub use records::LedgerRecords;
pub use state::LedgerState;

/// Maximum number of sentences of [`Ledger::explain`].
const MAX_SENTENCES: usize = 1000;

/// What a [`Ledger`] counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerCounts {
    /// Last lines without an end, from a program that stopped while it wrote, which were cut off.
    pub torn_lines: u64,
    /// Bytes of them.
    pub torn_bytes: u64,
    /// Decisions that got the outcome `skipped` because the maximum number of decisions was live.
    pub over_limit: u64,
}

/// A file of JSON lines with one line for each outcome of each decision, which is only ever appended to.
///
/// Each line contains the SHA-256 of the line before it and a check of its own bytes, so an edited, removed or inserted line is
/// found when the file is read. Whoever can write the file can also compute a new chain; keep [`head`](Self::head) in another
/// place to find that. A line without an end, from a program that stopped while it wrote, is cut off and counted.
///
/// Several programs may use one ledger: each write locks the file, reads what others have written, and appends its line
/// with one call. A full file gets a number after its name, and the new one starts with what is live.
///
/// The caller gives all times. The clock of the ledger counts only steps forward, so a clock that jumps back does not extend a
/// decision.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Action, Ledger, LedgerConfig, LedgerEntry, Outcome};
///
/// # let folder = std::env::temp_dir().join(format!("qosguard-doc-ledger-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("ledger.jsonl");
/// let mut ledger = Ledger::open(&path, &LedgerConfig::default())?;
/// let action = Action::Drop { ttl_s: 600 };
/// let entry = LedgerEntry::new("9f2c", "203.0.113.7".parse()?, action, Outcome::DryRun, "port scan");
/// ledger.record(1_764_583_200.0, entry)?;
/// assert_eq!(ledger.state().n_live(), 1);
///
/// // The allow-list now contains the network.
/// assert_eq!(ledger.revoke(1_764_583_260.0, "203.0.113.0/24".parse()?, "our own network")?, ["9f2c"]);
/// assert_eq!(
///     ledger.explain("9f2c")?,
///     [
///         "2025-12-01T10:00:00Z: 203.0.113.7: drop for 600 s, as a dry run. Reason: port scan.",
///         "2025-12-01T10:01:00Z: 203.0.113.7: drop for 600 s was revoked with 540 s left. Reason: our own network.",
///     ]
/// );
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    config: LedgerConfig,
    over_limit: u64,
    /// The clock, which also moves when nothing is written.
    clock: Clock,
}

impl Ledger {
    /// Opens a ledger for writing, and creates it where there is none. All lines of its file are verified.
    ///
    /// # Errors
    ///
    /// [`Error::BrokenLedger`] for an edited, removed or inserted line; [`Error::CorruptArtifact`] for a file of another
    /// program, which is not changed; [`Error::FormatTooNew`]; [`Error::Io`]; [`Error::InvalidArgument`] for a setting outside
    /// its range.
    pub fn open(path: impl AsRef<Path>, config: &LedgerConfig) -> Result<Self> {
        config.check()?;
        let store = Store::open(path.as_ref())?;
        Ok(Self { store, config: config.clone(), over_limit: 0, clock: Clock::default() })
    }

    /// Opens a ledger that exists for reading. A last line without an end is left where it is.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`]; writing returns [`Error::InvalidArgument`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let store = Store::open_read_only(path.as_ref())?;
        Ok(Self { store, config: LedgerConfig::default(), over_limit: 0, clock: Clock::default() })
    }

    /// What is live, and how many decisions ended, as of the last call that read the file.
    pub fn state(&self) -> &LedgerState {
        &self.store.scanned.state
    }

    /// What was counted since the ledger was opened.
    pub fn counts(&self) -> LedgerCounts {
        let Store { torn_lines, torn_bytes, .. } = self.store;
        LedgerCounts { torn_lines, torn_bytes, over_limit: self.over_limit }
    }

    /// The number of lines over all files, and the SHA-256 of the last one.
    pub fn head(&self) -> (u64, &str) {
        (self.store.scanned.head.next, &self.store.scanned.head.hash)
    }

    /// Reads what other programs have written.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn refresh(&mut self) -> Result<()> {
        self.store.refresh()
    }

    /// Writes one outcome at a time in seconds since the epoch, and returns its number.
    ///
    /// `Applied` and `DryRun` start a decision, or renew the one with the same id and entity. Where the maximum number of
    /// decisions is live, a new one gets the outcome `Skipped`. An outcome `Skipped` or `Failed` of a decision that is live
    /// leaves it live.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a field outside its range, an action that does not expire, or an end of a decision that is
    /// not live; [`Error::Io`], after which the file has no part of the line.
    pub fn record(&mut self, time: f64, entry: LedgerEntry) -> Result<u64> {
        let (time, entry) = (time::micros(time)?, entry.checked()?);
        self.write(|ledger| ledger.put(time, entry))
    }

    /// Writes `expired` for each live decision whose time is over, and returns their number.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a time outside 1970 to 9998; [`Error::Io`].
    pub fn expire(&mut self, now: f64) -> Result<usize> {
        let now = time::micros(now)?;
        let after = self.clock.after(self.state().clock, now);
        if !self.state().live().any(|decision| decision.until_us <= after.elapsed_us) {
            self.clock = after;
            return Ok(0);
        }
        self.write(|ledger| {
            let elapsed_us = ledger.advance(now);
            let over = ledger.state().live().filter(|decision| decision.until_us <= elapsed_us);
            let reason = "its time is over";
            let over: Vec<LedgerEntry> =
                over.map(|decision| decision.entry(Outcome::Expired, 0.0, reason)).collect();
            let n = over.len();
            over.into_iter().try_for_each(|entry| ledger.put(now, entry).map(|_| ()))?;
            Ok(n)
        })
    }

    /// Writes `revoked` for each live decision whose entity has an address in common with the prefix, and returns their ids.
    ///
    /// An IPv4 prefix also covers IPv6 addresses that contain an IPv4 address, as in the allow-list of a
    /// [`Policy`](super::Policy).
    ///
    /// # Errors
    ///
    /// As [`Ledger::expire`].
    pub fn revoke(&mut self, time: f64, prefix: Prefix, reason: &str) -> Result<Vec<String>> {
        self.end(time, reason, |decision| decision.entity.overlaps(prefix))
    }

    /// Writes `revoked` for the live decisions with an id, and returns their number.
    ///
    /// # Errors
    ///
    /// As [`Ledger::expire`].
    pub fn delete(&mut self, time: f64, id: &str, reason: &str) -> Result<usize> {
        self.end(time, reason, |decision| decision.id == id).map(|ids| ids.len())
    }

    /// All lines about one decision as sentences, from the oldest file on; at most 1,000.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`], for finished files too.
    pub fn explain(&self, id: &str) -> Result<Vec<String>> {
        let mut sentences = Vec::new();
        for record in self.records()? {
            let record = record?;
            if record.id == id && !record.is_carried() && sentences.len() < MAX_SENTENCES {
                sentences.push(sentence::of(&record));
            }
        }
        Ok(sentences)
    }

    /// The records of all files of the ledger, from the oldest file that exists on, verified while they are read. Lines that
    /// other programs write after the last [`refresh`](Self::refresh) are not in it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. The iterator returns the errors of [`Ledger::open`] and ends after one.
    pub fn records(&self) -> Result<LedgerRecords> {
        LedgerRecords::open(self.store.path(), self.store.number(), self.store.scanned.offset)
    }

    /// Writes `revoked` for the live decisions that `is_meant` accepts.
    fn end(
        &mut self,
        time: f64,
        reason: &str,
        is_meant: impl Fn(&LiveDecision) -> bool,
    ) -> Result<Vec<String>> {
        let now = time::micros(time)?;
        self.write(|ledger| {
            let elapsed_us = ledger.advance(now);
            let meant = ledger.state().live().filter(|decision| is_meant(decision));
            let meant: Vec<LedgerEntry> = meant
                .map(|decision| {
                    let rest_us = decision.until_us.saturating_sub(elapsed_us);
                    decision.entry(Outcome::Revoked, rest_us as f64 / time::SECOND as f64, reason)
                })
                .collect();
            let mut ids = Vec::with_capacity(meant.len());
            for entry in meant {
                ids.push(entry.id.clone());
                ledger.put(now, entry.checked()?)?;
            }
            Ok(ids)
        })
    }

    /// Runs `work` while no other program can write.
    fn write<T>(&mut self, work: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> Result<T> {
        let Self { store, config, over_limit, clock } = self;
        store.locked(|store| {
            let value = work(&mut Writer { store, config, over_limit, clock });
            if config.sync {
                store.sync()?;
            }
            value
        })
    }
}

/// A ledger that no other program can write.
struct Writer<'a> {
    store: &'a mut Store,
    config: &'a LedgerConfig,
    over_limit: &'a mut u64,
    clock: &'a mut Clock,
}

impl Writer<'_> {
    fn state(&self) -> &LedgerState {
        &self.store.scanned.state
    }

    /// Moves the clock to a time, and returns it.
    fn advance(&mut self, time: i64) -> u64 {
        *self.clock = self.clock.after(self.state().clock, time);
        self.clock.elapsed_us
    }

    /// Appends one entry, and finishes the file where it is full.
    fn put(&mut self, time: i64, mut entry: LedgerEntry) -> Result<u64> {
        let elapsed_us = self.advance(time);
        let state = self.state();
        let is_new = entry.outcome.is_start() && state.decision(&entry.id, entry.entity).is_none();
        if is_new && state.n_live() >= self.config.max_live {
            entry.outcome = Outcome::Skipped;
            entry.reason = format!("{} decisions are live, the maximum", state.n_live());
            *self.over_limit += 1;
        }
        let head = &self.store.scanned.head;
        let seq = head.next;
        let record = LedgerRecord::new(entry, seq, &head.hash, time, elapsed_us);
        self.store.append(&record)?;
        self.store.rotate_if_full(self.config.max_file_bytes)?;
        Ok(seq)
    }
}
