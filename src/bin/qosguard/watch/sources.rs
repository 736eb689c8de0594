//! The sources of one watch: files in the order of event times, and live ones, each read on a thread of its own.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use qosguard::arrow::array::RecordBatch;
use qosguard::stream::MergedReader;
use qosguard::telemetry::{BatchReader, ReadReport, Schema, Table};
use qosguard::{Error, Result};

use super::live::{Arrival, Live, SourceState, WAITING, start};
use crate::arguments::{Input, Watch};
use crate::exit::{Failure, Outcome};
use crate::{input, interrupt};

/// Time that live sources have to become open, after which the watch begins with the others.
const OPENING: Duration = Duration::from_secs(5);
/// The preset of exports.
const EXPORTS: &str = "ipfix";

/// Readers with the names of their files.
type Named = Vec<(String, Box<dyn BatchReader>)>;

/// All sources.
pub(crate) struct Sources {
    input: Input,
    schema: Arc<Schema>,
    files: Option<Files>,
    live: Vec<Live>,
    arrivals: Receiver<Arrival>,
    /// Records that came before all sources were open.
    pending: VecDeque<Arrival>,
    /// Messages that are not printed yet.
    notes: Vec<String>,
    /// The exit code of the first source that failed, and how many did.
    failed: (u8, usize),
    is_turn_of_live: bool,
}

/// What the sources gave next.
pub(crate) enum Step {
    /// Records of a source.
    Batch { source: u32, batch: RecordBatch },
    /// No record for a while.
    Quiet,
}

/// Files that are merged.
struct Files {
    names: Vec<String>,
    reader: MergedReader,
    reported: usize,
    is_done: bool,
}

impl Sources {
    /// Opens the sources, and waits until every live one has a schema.
    pub(crate) fn open(command: &Watch, guard: Option<&Schema>) -> Result<Self, Failure> {
        let input = command.input.clone();
        check(command)?;
        let is_live = |path: &PathBuf| command.follow || input::is_live(path);
        let (live, files): (Vec<PathBuf>, Vec<PathBuf>) = input.paths.iter().cloned().partition(is_live);
        if live.is_empty() {
            interrupt::cancel()?;
        } else {
            interrupt::flag()?;
        }
        let (sender, arrivals) = sync_channel(live.len() * (WAITING + 2) + 1);
        let first = u32::from(!files.is_empty());
        let schema = Arc::new(Schema::preset("flow")?);
        let mut sources = Self {
            input,
            schema,
            files: None,
            live: Vec::new(),
            arrivals,
            pending: VecDeque::new(),
            notes: Vec::new(),
            failed: (0, 0),
            is_turn_of_live: false,
        };
        for (at, path) in live.iter().enumerate() {
            let live = start(command, path, guard, (at, first + at as u32), &sender)?;
            sources.live.push(live);
        }
        drop(sender);
        let readers = sources.open_files(&files, guard)?;
        sources.wait_until_open(!readers.is_empty())?;
        sources.unite(readers, guard)?;
        Ok(sources)
    }

    /// Opens files; one that fails is reported, and one without a record is passed over.
    fn open_files(&mut self, paths: &[PathBuf], guard: Option<&Schema>) -> Result<Named, Failure> {
        let mut readers: Named = Vec::new();
        let mut fallback = guard.cloned();
        for path in paths {
            let name = path.display().to_string();
            match input::open_one(&self.input, path, fallback.as_ref()) {
                Ok(reader) => {
                    fallback.get_or_insert_with(|| (**reader.schema()).clone());
                    readers.push((name, reader));
                }
                Err(failure) => self.fail(&name, failure)?,
            }
        }
        let is_set = paths.len() > 1 && self.live.is_empty() && readers.len() == paths.len();
        if is_set && readers.iter().all(|(_, reader)| reader.schema().name() == EXPORTS) {
            let reader = input::open_set(&self.input)?;
            return Ok(vec![(reader.report().place.clone(), reader)]);
        }
        Ok(readers)
    }

    /// Waits until each live source is open or has ended. Where one source is open, the others have some seconds: a log may
    /// stay empty for long.
    fn wait_until_open(&mut self, mut has_open: bool) -> Result<(), Failure> {
        let until = Instant::now() + OPENING;
        while self.live.iter().any(|live| live.state.is_running && live.schema.is_none()) {
            let left = until.saturating_duration_since(Instant::now());
            let arrival = match self.arrivals.recv_timeout(if has_open { left } else { OPENING }) {
                Ok(arrival) => arrival,
                Err(RecvTimeoutError::Timeout) if has_open => break,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match arrival {
                Arrival::Opened(at, schema) => {
                    self.live[at].open(schema);
                    has_open = true;
                }
                batch @ Arrival::Batch(..) => self.pending.push_back(batch),
                Arrival::Ended(at, report, failure) => self.end(at, *report, failure)?,
            }
        }
        for live in self.live.iter().filter(|live| live.state.is_running && live.schema.is_none()) {
            self.notes.push(format!("source {}: waiting for records", live.state.name));
        }
        Ok(())
    }

    /// Chooses the common schema, and merges the files.
    fn unite(&mut self, readers: Named, guard: Option<&Schema>) -> Result<(), Failure> {
        let live = self.live.iter().filter_map(|live| live.schema.clone());
        let schemas: Vec<Arc<Schema>> =
            readers.iter().map(|(_, reader)| Arc::clone(reader.schema())).chain(live).collect();
        let Some((first, others)) = schemas.split_first() else {
            return Err(Failure::Nothing("no source has a record".into()));
        };
        let is_one = others.iter().all(|other| other == first);
        self.schema = match guard {
            _ if is_one => Arc::clone(first),
            Some(guard) => Arc::new(guard.clone()),
            None => {
                Arc::new(others.iter().fold((**first).clone(), |common, other| common.common_with(other)))
            }
        };
        for live in &self.live {
            live.check(&self.schema)?;
        }
        if !readers.is_empty() {
            let (names, readers) = readers.into_iter().unzip();
            let reader = MergedReader::new(readers, &self.schema, &input::mapping(&self.input))?;
            self.files = Some(Files { names, reader, reported: 0, is_done: false });
        }
        Ok(())
    }

    /// The schema of all records.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The next records; files and live sources take turns. `None` where all sources have ended.
    pub(crate) fn next(&mut self, wait: Duration) -> Result<Option<Step>, Failure> {
        while let Some(arrival) = self.pending.pop_front() {
            if let Some(step) = self.take(arrival)? {
                return Ok(Some(step));
            }
        }
        loop {
            let has_files = self.files.as_ref().is_some_and(|files| !files.is_done);
            if has_files && !std::mem::take(&mut self.is_turn_of_live) {
                self.is_turn_of_live = true;
                if let Some(step) = self.next_of_files()? {
                    return Ok(Some(step));
                }
                continue;
            }
            let arrival = if has_files {
                match self.arrivals.try_recv() {
                    Ok(arrival) => arrival,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => continue,
                }
            } else {
                if !self.live.iter().any(|live| live.state.is_running) {
                    return Ok(None);
                }
                match self.arrivals.recv_timeout(wait) {
                    Ok(arrival) => arrival,
                    Err(RecvTimeoutError::Timeout) => return Ok(Some(Step::Quiet)),
                    Err(RecvTimeoutError::Disconnected) => return Ok(None),
                }
            };
            if let Some(step) = self.take(arrival)? {
                return Ok(Some(step));
            }
        }
    }

    fn next_of_files(&mut self) -> Result<Option<Step>, Failure> {
        let Some(files) = &mut self.files else { return Ok(None) };
        // A signal ends live sources, and with them the files; without live sources it cancels the reading.
        if !self.live.is_empty() && interrupt::came() {
            files.is_done = true;
            return Ok(None);
        }
        let batch = files.reader.next().transpose().map_err(Failure::of_reading)?;
        let failures = &files.reader.failures()[files.reported..];
        let new: Vec<(String, String, u8)> = failures
            .iter()
            .map(|(at, error)| {
                let (message, code) = Failure::message_of(error);
                (files.names[*at].clone(), message, code)
            })
            .collect();
        files.reported += new.len();
        files.is_done = batch.is_none();
        for (name, message, code) in new {
            self.count_failure(&name, &message, code);
        }
        Ok(batch.map(|batch| Step::Batch { source: 0, batch }))
    }

    fn take(&mut self, arrival: Arrival) -> Result<Option<Step>, Failure> {
        match arrival {
            Arrival::Opened(at, schema) => {
                self.live[at].open(schema);
                if let Err(error) = self.live[at].check(&self.schema) {
                    self.abandon(at, error)?;
                }
                Ok(None)
            }
            Arrival::Ended(at, report, failure) => {
                self.end(at, *report, failure)?;
                Ok(None)
            }
            // It failed, and its thread may not know yet.
            Arrival::Batch(at, ..) if self.live[at].state.is_failed => Ok(None),
            Arrival::Batch(at, batch, rejected) => {
                let live = &mut self.live[at];
                live.state.records += batch.num_rows() as u64;
                live.rejected = rejected;
                live.permit();
                let source = live.source;
                match self.converted(at, batch) {
                    Ok(batch) => Ok(Some(Step::Batch { source, batch })),
                    Err(error) => {
                        self.abandon(at, error)?;
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Reports a live source whose records cannot be used, and reads no more of it.
    fn abandon(&mut self, at: usize, error: Error) -> Result<(), Failure> {
        let live = &mut self.live[at];
        (live.state.is_running, live.state.is_failed) = (false, true);
        // Without permits its thread ends.
        live.permits = sync_channel(0).0;
        let name = live.state.name.clone();
        self.fail(&name, error.into())
    }

    /// A batch of a live source as records of the common schema.
    fn converted(&mut self, at: usize, batch: RecordBatch) -> Result<RecordBatch> {
        let live = &mut self.live[at];
        let Some(schema) = live.schema.as_ref().filter(|schema| ***schema != *self.schema) else {
            return Ok(batch);
        };
        let table = Table::new(Arc::clone(schema), vec![batch], ReadReport::new(&live.state.name))?;
        let mapped = table.map_to_with(&self.schema, &input::mapping(&self.input))?;
        live.unfit += mapped.report().rejected;
        let batches = mapped.batches().to_vec();
        batches.into_iter().next().ok_or_else(|| Error::invalid("records", "of one schema", &live.state.name))
    }

    /// Takes the end of a live source.
    fn end(&mut self, at: usize, report: ReadReport, failure: Option<Failure>) -> Result<(), Failure> {
        let is_only = self.is_only();
        let live = &mut self.live[at];
        if live.state.is_failed {
            return Ok(());
        }
        live.state.is_running = false;
        live.rejected = report.rejected;
        live.report = report;
        let name = live.state.name.clone();
        match failure {
            Some(failure) => {
                live.state.is_failed = true;
                self.fail(&name, failure)
            }
            None if is_only || interrupt::came() => Ok(()),
            None => {
                self.notes.push(format!("source {name}: ended"));
                Ok(())
            }
        }
    }

    /// Whether there is one source only, whose failure is the failure of the command.
    fn is_only(&self) -> bool {
        self.input.paths.len() == 1
    }

    /// Reports and counts a failed source; returns the failure of the only source.
    fn fail(&mut self, name: &str, failure: Failure) -> Result<(), Failure> {
        match failure {
            failure if self.is_only() => Err(failure),
            Failure::Nothing(_) => Ok(()),
            Failure::Error(Error::Cancelled) if interrupt::came() => Ok(()),
            failure => {
                let (message, code) = failure.describe();
                self.count_failure(name, &message, code);
                Ok(())
            }
        }
    }

    fn count_failure(&mut self, name: &str, message: &str, code: u8) {
        if self.failed.1 == 0 {
            self.failed.0 = code;
        }
        self.failed.1 += 1;
        // Most messages name the place that they are about.
        let place = if message.contains(name) { String::new() } else { format!("{name}: ") };
        self.notes.push(format!("qosguard: source failed: {place}{message}"));
    }

    /// The messages since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// How the sources are doing.
    pub(crate) fn states(&self) -> Vec<SourceState> {
        let files = self.files.iter().flat_map(|files| {
            files.names.iter().zip(files.reader.reports()).enumerate().map(|(at, (name, report))| {
                SourceState {
                    name: name.clone(),
                    records: report.accepted,
                    is_running: !files.is_done,
                    is_failed: files.reader.failures().iter().any(|(failed, _)| *failed == at),
                }
            })
        });
        files.chain(self.live.iter().map(|live| live.state.clone())).collect()
    }

    /// Records that no source could read, or that do not fit the common schema.
    pub(crate) fn rejected(&self) -> u64 {
        let files = self.files.as_ref().map_or(0, |files| files.reader.report().rejected);
        files + self.live.iter().map(|live| live.rejected + live.unfit).sum::<u64>()
    }

    /// Prints what each source left out, and gives the exit code for so many records.
    pub(crate) fn outcome(&self, records: u64) -> Outcome {
        let files = self.files.iter().flat_map(|files| files.reader.reports());
        let reports: Vec<&ReadReport> = files.chain(self.live.iter().map(|live| &live.report)).collect();
        for report in &reports {
            input::print_left_out(report);
        }
        if let ([report], true) = (&reports[..], self.is_only() || self.live.is_empty() && self.failed.1 == 0)
        {
            return input::outcome(records, report, 0);
        }
        match self.failed {
            (code, 1..) => Ok(code.into()),
            _ if records == 0 && !interrupt::came() => {
                Err(Failure::Nothing(format!("no records in any of {} sources", self.input.paths.len())))
            }
            _ => Ok(0.into()),
        }
    }

    /// How many sources failed, of how many.
    pub(crate) fn failed(&self) -> (usize, usize) {
        (self.failed.1, self.input.paths.len())
    }
}

/// Rejects inputs that do not go together.
fn check(command: &Watch) -> Result<()> {
    let paths = &command.input.paths;
    if paths.iter().filter(|path| path.as_path() == Path::new("-")).count() > 1 {
        return Err(Error::invalid("IN", "standard input at most once", "`-` twice"));
    }
    match paths.iter().find(|path| input::is_live(path)).filter(|_| command.follow) {
        Some(live) => Err(Error::invalid("--follow", "used with files", live.display())),
        None => Ok(()),
    }
}
