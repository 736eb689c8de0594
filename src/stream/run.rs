//! The stream: records in, verdicts and changes of incidents out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::activity::{self, Activities, Activity};
use super::config::StreamConfig;
use super::incident::{
    Incident, IncidentChange, IncidentEvent, IncidentKind, Record, Tracker, is_outside_host,
};
use super::latency::{Histogram, Latency};
use super::pairs::Pairs;
use super::records::{RecordColumns, Records};
use super::signals::{Signal, signals};
use super::update::{StreamCounts, StreamState, Update};
use super::warm_up::WarmUp;
use super::watermark::{Placement, Watermarks};
use crate::arrow::array::RecordBatch;
use crate::arrow::compute::concat_batches;
use crate::error::{Error, Result};
use crate::features::{Context, ContextConfig, extended};
use crate::guard::{Assessment, Guard};
use crate::qos::{Policy, Recommender};
use crate::telemetry::{Column, Role, Schema, Table};

/// Assesses records one batch after the other, and follows incidents over time.
///
/// With a guard, each record gets the verdict that [`Guard::assess`] gives it in a table of all records in the order of
/// their times. Results do not depend on how the records are cut into batches.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{self, FlowSimulatorConfig};
/// use qosguard::stream::{Stream, StreamConfig};
///
/// let flows = simulate::table(&FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
/// let config = StreamConfig { warm_up: 500, ..StreamConfig::default() };
/// let mut stream = Stream::new(flows.schema(), &config)?;
/// let mut events = Vec::new();
/// for batch in flows.batches() {
///     events.extend(stream.push(batch)?.events);
/// }
/// events.extend(stream.finish());
/// assert_eq!(stream.counts().records, 2_000);
/// assert!(events.iter().all(|event| !event.incident.reasons.is_empty()));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub struct Stream {
    pub(super) config: StreamConfig,
    pub(super) given: Arc<Schema>,
    pub(super) recommender: Recommender,
    pub(super) guard: Option<Guard>,
    /// The schema with the columns of the guard's contexts.
    extended: Arc<Schema>,
    pub(super) contexts: Vec<Box<dyn Context>>,
    /// Host windows for the limits, where the guard's contexts do not have them; `None` for records without addresses.
    pub(super) windows: Option<Box<dyn Context>>,
    pub(super) warm_up: Option<WarmUp>,
    pub(super) failed: String,
    columns: RecordColumns,
    pub(super) marks: Watermarks,
    pub(super) pairs: Pairs,
    pub(super) tracker: Tracker,
    pub(super) counts: StreamCounts,
    /// The whole second of the watermark at which incidents were last closed.
    pub(super) closed_at: f64,
    latency: Histogram,
}

impl Stream {
    /// A stream without a guard for records of a schema, with the default policy.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting outside its range, and for a schema without a time.
    pub fn new(schema: &Schema, config: &StreamConfig) -> Result<Self> {
        Self::start(schema, config, None, Policy::default())
    }

    /// A stream without a guard, with a policy.
    ///
    /// # Errors
    ///
    /// As [`Stream::new`].
    pub fn with_policy(schema: &Schema, config: &StreamConfig, policy: Policy) -> Result<Self> {
        Self::start(schema, config, None, policy)
    }

    /// A stream of verdicts of a guard, with the guard's policy.
    ///
    /// # Errors
    ///
    /// As [`Stream::new`]; [`Error::SchemaMismatch`] that names the columns that the guard needs and the schema lacks.
    pub fn with_guard(guard: Guard, schema: &Schema, config: &StreamConfig) -> Result<Self> {
        let policy = guard.policy().clone();
        Self::start(schema, config, Some(guard), policy)
    }

    pub(super) fn start(
        schema: &Schema,
        config: &StreamConfig,
        guard: Option<Guard>,
        policy: Policy,
    ) -> Result<Self> {
        config.check()?;
        let given = Arc::new(without_truth(schema));
        let schema = &*given;
        let windows = ContextConfig::from(activity::context(config.max_entities));
        // A source without addresses has verdicts only.
        let started = windows.start(schema).ok();
        let warm_up = match &guard {
            None if config.warm_up > 0 => Some(WarmUp::new(&given, config.warm_up)),
            _ => None,
        };
        let mut stream = Self {
            recommender: Recommender::new(policy),
            guard: None,
            extended: Arc::clone(&given),
            contexts: Vec::new(),
            windows: started,
            warm_up,
            failed: String::new(),
            columns: RecordColumns::of(schema)?,
            marks: Watermarks::new(&config.time),
            pairs: Pairs::new(config.max_entities),
            tracker: Tracker::new(&config.incidents),
            counts: StreamCounts::default(),
            closed_at: f64::NEG_INFINITY,
            latency: Histogram::new(),
            config: config.clone(),
            given: Arc::clone(&given),
        };
        if let Some(guard) = guard {
            stream.put(guard)?;
        }
        Ok(stream)
    }

    /// Makes a guard the one that assesses, with empty contexts.
    fn put(&mut self, guard: Guard) -> Result<()> {
        guard.check_columns(&self.given, "schema")?;
        let (contexts, columns) = extended(guard.schema(), guard.contexts())?;
        self.extended = extend(&self.given, columns)?;
        self.contexts = contexts;
        let has_windows = activity::REQUIRED.iter().all(|name| self.extended.index_of(name).is_some());
        if has_windows {
            self.windows = None;
        } else if self.windows.is_none() {
            self.windows =
                ContextConfig::from(activity::context(self.config.max_entities)).start(&self.given).ok();
        }
        self.guard = Some(guard);
        Ok(())
    }

    /// Replaces the guard between two batches: no record is lost or assessed twice. Open incidents stay open. If both guards have
    /// the same contexts, the new guard keeps their state. Otherwise its contexts start empty.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the columns that the guard needs and the records lack. The old guard stays.
    pub fn swap(&mut self, guard: Guard) -> Result<()> {
        let policy = guard.policy().clone();
        if self.guard.as_ref().is_some_and(|known| known.contexts() == guard.contexts()) {
            guard.check_columns(&self.given, "schema")?;
            self.guard = Some(guard);
        } else {
            self.put(guard)?;
        }
        self.recommender = Recommender::new(policy);
        self.warm_up = None;
        Ok(())
    }

    /// Assesses the records of a batch of one source.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] for a batch without a column that is needed.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Update> {
        self.push_from(0, batch, 0.0)
    }

    /// Assesses the records of a batch of one of several sources, which have clocks of their own. `clock` is the time of this
    /// machine in seconds, by which sources become idle; 0 where there is only one source.
    ///
    /// # Errors
    ///
    /// As [`Stream::push`].
    pub fn push_from(&mut self, source: u32, batch: &RecordBatch, clock: f64) -> Result<Update> {
        let started = Instant::now();
        let update = self.assess(source, batch, clock)?;
        self.latency.add(started.elapsed(), batch.num_rows());
        Ok(update)
    }

    /// As [`Stream::push_from`], without a measurement of the time.
    fn assess(&mut self, source: u32, batch: &RecordBatch, clock: f64) -> Result<Update> {
        let batch = &self.project(batch)?;
        let mut rows = batch.clone();
        for context in &mut self.contexts {
            rows = context.push(&rows)?;
        }
        let windows = match &mut self.windows {
            Some(context) => context.push(batch)?,
            None => rows.clone(),
        };
        let mut update = Update { assessment: None, first: batch.num_rows(), events: Vec::new() };
        let mut at = 0;
        while at < batch.num_rows() {
            let rest = |whole: &RecordBatch| whole.slice(at, whole.num_rows() - at);
            let assessment = match &self.guard {
                Some(guard) => Some(guard.assess_extended(&self.extended, &rest(&rows))?),
                None => None,
            };
            if assessment.is_some() {
                update.first = at;
            }
            let segment = Segment { source, clock, batch: &rest(batch), windows: &rest(&windows) };
            at += self.run(&segment, assessment.as_ref(), &mut update.events)?;
            update.assessment = assessment;
            if self.warm_up.as_ref().is_some_and(|warm_up| warm_up.missing() == 0) {
                self.fit()?;
                // The windows for the limits are the context of this guard.
                rows = windows.clone();
            }
        }
        Ok(update)
    }

    /// As [`Stream::push`], for all records of a table.
    ///
    /// # Errors
    ///
    /// As [`Stream::push`].
    pub fn push_table(&mut self, table: &Table) -> Result<Update> {
        match table.batches() {
            [one] => self.push(one),
            batches => {
                let schema = Arc::new(table.schema().to_arrow());
                let whole = concat_batches(&schema, batches)
                    .map_err(|error| Error::invalid("table", "batches of one schema", error))?;
                self.push(&whole)
            }
        }
    }

    /// The columns of the stream's schema in a batch.
    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let names = || self.given.columns().iter().map(|column| &column.name);
        let places = names().map(|name| batch.schema_ref().index_of(name).ok()).collect::<Option<Vec<_>>>();
        let projected = places.and_then(|places| batch.project(&places).ok());
        projected.ok_or_else(|| Error::SchemaMismatch {
            place: "record batch".into(),
            schema: self.given.name().to_owned(),
            missing: names().filter(|name| batch.column_by_name(name).is_none()).cloned().collect(),
            unknown: Vec::new(),
        })
    }

    /// Takes the records of a segment one after the other, until enough are collected to fit a guard. Returns their number.
    fn run(
        &mut self,
        segment: &Segment<'_>,
        assessment: Option<&Assessment>,
        events: &mut Vec<IncidentEvent>,
    ) -> Result<usize> {
        let columns = self.columns.bind(segment.batch)?;
        let activities = Activities::of(segment.windows);
        let mut clean = Vec::new();
        let mut missing = self.warm_up.as_ref().map_or(usize::MAX, WarmUp::missing);
        let mut done = 0;
        while done < segment.batch.num_rows() && missing > 0 {
            let is_skipped = self.row(segment, done, &columns, &activities.at(done), assessment, events);
            if self.warm_up.is_some() && !is_skipped {
                clean.push(done);
                missing -= 1;
            }
            done += 1;
        }
        if let Some(warm_up) = &mut self.warm_up {
            warm_up.add(segment.batch, &clean)?;
        }
        Ok(done)
    }

    /// Takes one record. Returns whether the warm-up must skip it: it is part of an incident, or its time is wrong.
    fn row(
        &mut self,
        segment: &Segment<'_>,
        row: usize,
        columns: &Records<'_>,
        activity: &Activity,
        assessment: Option<&Assessment>,
        events: &mut Vec<IncidentEvent>,
    ) -> bool {
        let time = columns.time(row);
        let is_anomaly = assessment.map(|assessment| assessment.is_anomaly(row));
        self.counts.records += 1;
        self.counts.anomalies += u64::from(is_anomaly == Some(true));
        let family = assessment.and_then(|assessment| assessment.family(row)).map(|(name, _)| name);
        let subject = columns.subjects.get(row, family);
        let host = subject
            .src_ip
            .or(subject.dst_ip)
            .map_or(0, |host| number(host) as u64 ^ (number(host) >> 64) as u64);
        match self.marks.place(segment.source, host, time, segment.clock) {
            Placement::OnTime => {}
            Placement::Late => {
                self.counts.late += 1;
                return false;
            }
            Placement::Future => {
                self.counts.future += 1;
                return true;
            }
            Placement::Invalid => {
                self.counts.invalid_time += 1;
                return true;
            }
        }
        self.close(events);
        let p_value = assessment.and_then(|assessment| assessment.p_values().get(row).copied());
        let record =
            Record { time, subject, p_value, sources: activity.dst_peers, destinations: activity.src_peers };
        let pair = match (subject.src_ip, subject.dst_ip) {
            (Some(src), Some(dst)) if is_outside_host(dst) => {
                let pair = (number(src), number(dst), subject.dst_port.unwrap_or_default());
                Some(self.pairs.add(pair, columns.connection(row)))
            }
            _ => None,
        };
        let before = events.len();
        for (kind, signal) in signals(&self.config.floors, activity, &subject, pair) {
            self.tracker.add(kind, signal, &record, &self.recommender, events);
        }
        // An anomaly of an attack that has its own incident is not evidence for another one.
        let is_explained = self.tracker.is_part_of_attack(&record);
        if let Some(is_anomaly) = is_anomaly.filter(|_| !is_explained) {
            self.verdict(is_anomaly, &record, events);
        }
        let opened = events[before..].iter().filter(|event| event.event == IncidentChange::Opened);
        self.counts.incidents += opened.count() as u64;
        is_explained
    }

    /// Adds the verdict on a record as evidence about its destination, and about its source if the destination has no incident
    /// of many sources.
    fn verdict(&mut self, is_anomaly: bool, record: &Record<'_>, events: &mut Vec<IncidentEvent>) {
        let of = |kind| is_anomaly.then(|| Signal::anomaly(kind, record.p_value.unwrap_or(1.0)));
        let (many, one) = (IncidentKind::DistributedAnomaly, IncidentKind::Anomaly);
        self.tracker.add(many, of(many), record, &self.recommender, events);
        if !self.tracker.is_part_of(many, record) {
            self.tracker.add(one, of(one), record, &self.recommender, events);
        }
    }

    /// Closes incidents, once for each second of the watermark, so that batches make no difference.
    fn close(&mut self, events: &mut Vec<IncidentEvent>) {
        let Some(second) = self.marks.watermark().map(f64::floor) else { return };
        if second > self.closed_at {
            self.closed_at = second;
            events.extend(self.tracker.close(second));
        }
    }

    /// Fits a guard on the collected records, and goes on with it.
    fn fit(&mut self) -> Result<()> {
        let Some(warm_up) = &self.warm_up else { return Ok(()) };
        let contexts = match self.windows {
            Some(_) => vec![ContextConfig::from(activity::context(self.config.max_entities))],
            None => Vec::new(),
        };
        match warm_up.fit(&self.config, &contexts, self.recommender.policy()) {
            Ok(guard) => {
                let columns = self.windows.iter().flat_map(|windows| windows.columns()).cloned().collect();
                self.extended = extend(&self.given, columns)?;
                self.contexts = self.windows.take().into_iter().collect();
                self.guard = Some(guard);
            }
            // The collected records stay for the next try.
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => self.failed = error.to_string(),
        }
        self.warm_up = None;
        Ok(())
    }

    /// Moves the watermark at a time of this machine's clock without a record, and closes incidents that have no more evidence.
    pub fn advance(&mut self, clock: f64) -> Vec<IncidentEvent> {
        let mut events = Vec::new();
        self.marks.advance(clock);
        self.close(&mut events);
        events
    }

    /// Closes all incidents at the end of the records.
    pub fn finish(&mut self) -> Vec<IncidentEvent> {
        self.tracker.close_all()
    }

    /// The incidents that are open, by kind.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.tracker.open()
    }

    /// Records that an operator calls an incident false. It closes, and no other incident of its kind about its host opens for
    /// [`IncidentConfig::suppress_s`](super::IncidentConfig::suppress_s). Returns its last change; `None` for an unknown id.
    pub fn false_positive(&mut self, id: &str) -> Option<IncidentEvent> {
        self.tracker.false_positive(id, self.marks.watermark()?)
    }

    /// Records the time, in seconds since the epoch, at which an action against an incident was applied. Returns whether the
    /// incident is known.
    pub fn record_action(&mut self, id: &str, time: f64) -> bool {
        self.tracker.record_action(id, time)
    }

    /// Whether the stream has a guard.
    pub fn state(&self) -> StreamState {
        match (&self.guard, &self.warm_up) {
            (Some(_), _) => StreamState::Ready,
            (None, Some(warm_up)) => StreamState::Warming { missing: warm_up.missing() },
            (None, None) => StreamState::LimitsOnly { reason: self.failed.clone() },
        }
    }

    /// The counts of the stream.
    pub fn counts(&self) -> StreamCounts {
        let suppressed = self.tracker.suppressed_records;
        StreamCounts { evicted: self.tracker.evicted + self.pairs.evicted, suppressed, ..self.counts }
    }

    /// How long its work on one record took, since it started or continued from a checkpoint.
    pub fn latency(&self) -> Latency {
        self.latency.latency()
    }

    /// The settings that it was started with.
    pub const fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// The policy that chooses the actions of incidents.
    pub fn policy(&self) -> &Policy {
        self.recommender.policy()
    }

    /// The guard that assesses; `None` while the stream has none.
    pub const fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    /// The watermark, in seconds since the epoch; `None` before the first record.
    pub const fn watermark(&self) -> Option<f64> {
        self.marks.watermark()
    }
}

/// Rows of one batch that are processed together.
struct Segment<'a> {
    source: u32,
    clock: f64,
    batch: &'a RecordBatch,
    windows: &'a RecordBatch,
}

/// A schema without labels and attack classes: a stream must not use labels in the records.
pub(super) fn without_truth(schema: &Schema) -> Schema {
    let columns = schema.columns().iter().enumerate();
    let keep = columns.filter(|(_, column)| !matches!(column.role, Role::Label | Role::Family));
    schema.restrict(&keep.map(|(at, _)| at).collect::<Vec<_>>())
}

/// A schema with further columns.
fn extend(schema: &Schema, columns: Vec<Column>) -> Result<Arc<Schema>> {
    let with = schema.columns().iter().cloned().chain(columns).collect();
    Ok(Arc::new(schema.with_columns(with)?))
}

/// An address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
