//! What an operator reads of an assessment: a summary and the worst findings, equal ones as one.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::endpoints::Endpoints;
use super::{Assessment, Guard};
use crate::calibrate::{Interval, Threshold, wilson};
use crate::error::{Error, Result};
use crate::explain::TopReasons;
use crate::parallel;
use crate::qos::{Decision, Severity};
use crate::telemetry::Table;

/// Reasons of each finding.
const REASONS: usize = 1;
/// Groups to one destination port, or from one source, that become one.
const MERGED: usize = 3;
/// Groups that are told apart; further anomalies are counted only.
const MAX_GROUPS: usize = 65_536;
/// Level of the intervals.
const LEVEL: f64 = 0.95;

/// One record with its decision and what identifies it, or the worst of several equal ones.
///
/// `Display` is one line. In JSON it is one flat object: the fields of the [`Decision`], then those below; what the
/// records do not contain is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The decision on the record, or on the worst of them.
    #[serde(flatten)]
    pub decision: Decision,
    /// Time of the record, as ISO 8601 in UTC where it is known as a time.
    pub time: Option<String>,
    /// Source address.
    pub src_ip: Option<String>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination address.
    pub dst_ip: Option<String>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// Transport protocol, by name or number.
    pub protocol: Option<String>,
    /// Other columns that name what the record is about: device, link, country.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<(String, String)>,
    /// Anomalies in the group; 1 for a single one. They have the same protocol, attack class and action, and the same source
    /// and destination, or the same destination and port from three sources or more (as in a flood), or the same source to
    /// three destinations or more (as in a scan).
    pub count: u64,
    /// Different sources among them.
    pub sources: usize,
    /// Different destinations among them.
    pub destinations: usize,
    /// Different destination ports among them.
    pub dst_ports: usize,
    /// What is rare about the record, largest contribution first.
    #[serde(serialize_with = "with_text")]
    pub reasons: TopReasons,
}

/// Reasons as objects that hold their sentence too.
fn with_text<S: Serializer>(reasons: &TopReasons, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithText<'a> {
        #[serde(flatten)]
        reason: &'a crate::explain::Reason,
        text: String,
    }
    let mut list = serializer.serialize_seq(Some(reasons.0.len()))?;
    for reason in &reasons.0 {
        list.serialize_element(&WithText { reason, text: reason.to_string() })?;
    }
    list.end()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { verdict, action, row, .. } = &self.decision;
        if let Some(time) = &self.time {
            write!(f, "{time}  ")?;
        }
        let end = |ip: &Option<String>, port: Option<u16>| {
            let ip = ip.as_deref().unwrap_or("?");
            match port {
                Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
                Some(port) => format!("{ip}:{port}"),
                None => ip.to_owned(),
            }
        };
        if self.src_ip.is_some() || self.dst_ip.is_some() {
            write!(f, "{} -> {}", end(&self.src_ip, self.src_port), end(&self.dst_ip, self.dst_port))?;
        } else {
            write!(f, "row {row}")?;
            if let Some(port) = self.dst_port {
                write!(f, " port {port}")?;
            }
        }
        if let Some(protocol) = &self.protocol {
            write!(f, " {protocol}")?;
        }
        for (column, value) in &self.entities {
            write!(f, " {column}={value}")?;
        }
        match verdict.severity {
            Severity::None => f.write_str("  clean")?,
            severity => write!(f, "  {severity}")?,
        }
        if let Some(family) = &verdict.family {
            write!(f, " {family}")?;
        }
        match verdict.p_value {
            p if p < 1e-3 => write!(f, " p={p:.0e}")?,
            p => write!(f, " p={p:.3}")?,
        }
        write!(f, "  {action}")?;
        if self.count > 1 {
            write!(f, "  {} times", self.count)?;
            let counts =
                [(self.sources, "sources"), (self.destinations, "destinations"), (self.dst_ports, "ports")];
            for (count, what) in counts.into_iter().filter(|(count, _)| *count > 1) {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.reasons.0.is_empty() { Ok(()) } else { write!(f, "  {}", self.reasons) }
    }
}

/// A summary of an assessment and its worst findings; [`Guard::findings`] makes it.
///
/// `Display` is the summary and one line for each finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Findings {
    /// Records assessed.
    pub records: u64,
    /// Anomalies among them.
    pub anomalies: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// The guard's threshold: the rate that was asked for, and what it realised on held-out rows of the training.
    pub threshold: Threshold,
    /// What the records' labels say, where they have labels.
    pub labelled: Option<Labelled>,
    /// Groups of equal anomalies.
    pub groups: usize,
    /// The worst groups, worst first.
    pub worst: Vec<Finding>,
}

/// Anomalies counted against labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Labelled {
    /// Records labelled clean.
    pub clean: u64,
    /// Anomalies among them.
    pub false_positives: u64,
    /// Records labelled attack.
    pub attacks: u64,
    /// Anomalies among them.
    pub caught: u64,
}

impl Labelled {
    /// Share of the clean records that are anomalies, in [0, 1]; `None` without clean records.
    pub fn false_positive_rate(&self) -> Option<f64> {
        (self.clean > 0).then(|| self.false_positives as f64 / self.clean as f64)
    }

    /// Share of the attacks that are anomalies, in [0, 1]; `None` without attacks.
    pub fn recall(&self) -> Option<f64> {
        (self.attacks > 0).then(|| self.caught as f64 / self.attacks as f64)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} records, {} anomalies, {} rejected records",
            self.records, self.anomalies, self.rejected
        )?;
        if let Some(asked) = self.threshold.asked {
            write!(f, "asked for {} % false positives", percent(asked))?;
            if let Some(realised) = self.threshold.realised {
                let Interval { low, high } = realised.false_positive_interval;
                write!(
                    f,
                    "; realised {} % [{}, {}] on {} held-out clean records of the training",
                    percent(realised.false_positive_rate),
                    percent(low),
                    percent(high),
                    realised.clean_rows
                )?;
            }
            writeln!(f)?;
        }
        if let Some(labelled) = &self.labelled {
            let share = |name, hits: u64, of: u64, what| {
                let Interval { low, high } = wilson(hits as usize, of as usize, LEVEL);
                let value = percent(hits as f64 / of as f64);
                format!("{name} {value} % [{}, {}] of {of} {what}", percent(low), percent(high))
            };
            let Labelled { clean, false_positives, attacks, caught } = *labelled;
            let rates = [
                (attacks > 0).then(|| share("recall", caught, attacks, "attacks")),
                (clean > 0).then(|| share("false positives", false_positives, clean, "clean records")),
            ];
            let rates: Vec<String> = rates.into_iter().flatten().collect();
            if !rates.is_empty() {
                writeln!(f, "by the labels: {}", rates.join("; "))?;
            }
        }
        if !self.worst.is_empty() {
            let dry_run = self.worst.iter().all(|finding| finding.decision.dry_run);
            let mode = if dry_run { "; dry run, nothing is changed" } else { "" };
            writeln!(f, "\nworst findings, equal ones as one line{mode}:")?;
        }
        for finding in &self.worst {
            writeln!(f, "  {finding}")?;
        }
        match self.groups.saturating_sub(self.worst.len()) {
            more if more > 0 && !self.worst.is_empty() => writeln!(f, "  and {more} more"),
            _ => Ok(()),
        }
    }
}

/// A share in percent, with three significant digits at most.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = if percent >= 10.0 { 1 } else { 2 };
    let text = format!("{percent:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What equal findings have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    src_ip: Option<String>,
    dst_ip: Option<String>,
    /// Without addresses a record is equal to itself only.
    row: Option<u64>,
    protocol: Option<String>,
    family: Option<String>,
    /// Rung of the action on the ladder.
    action: u8,
}

/// Equal findings.
#[derive(Debug)]
struct Group {
    key: Key,
    worst: Decision,
    count: u64,
    sources: usize,
    destinations: usize,
    dst_ports: BTreeSet<u16>,
    /// The worst record alone.
    record: Table,
}

impl Group {
    /// The higher score first; of equal scores the earlier record.
    fn order(&self, other: &Self) -> Ordering {
        let score = |group: &Self| group.worst.verdict.score;
        score(other).total_cmp(&score(self)).then(self.worst.row.cmp(&other.worst.row))
    }
}

/// Collects the findings of tables that are assessed one after the other.
///
/// It keeps one record of each group of equal anomalies, and 65,536 groups at most; further anomalies are counted only.
///
/// # Examples
///
/// ```
/// use qosguard::guard::FindingsCollector;
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
/// let guard = Guard::builder().fit(&flows)?;
/// let mut collector = FindingsCollector::new();
/// for part in [&flows, &flows] {
///     collector.add(&guard, part, &guard.assess(part)?)?;
/// }
/// let findings = collector.finish(&guard, 10, 1)?;
/// assert_eq!(findings.records, 2_000);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct FindingsCollector {
    records: u64,
    anomalies: u64,
    rejected: u64,
    labelled: Option<Labelled>,
    groups: HashMap<Key, Group>,
}

impl FindingsCollector {
    /// A collector without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records assessed so far.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Anomalies among them.
    pub const fn anomalies(&self) -> u64 {
        self.anomalies
    }

    /// Sets how many records could not be read, where the tables' own reports do not say it.
    pub const fn set_rejected(&mut self, rejected: u64) {
        self.rejected = rejected;
    }

    /// Adds a table, its assessment by the guard, and the rejections of its report. Row numbers continue those of the
    /// tables before.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the assessment is of another number of rows.
    pub fn add(&mut self, guard: &Guard, table: &Table, assessment: &Assessment) -> Result<()> {
        let (expected, got) = (table.n_rows(), assessment.len());
        if expected != got {
            return Err(Error::ShapeMismatch { what: "assessed rows", expected, got });
        }
        self.count_labels(table, assessment);
        let endpoints = Endpoints::new(guard.schema(), table);
        for row in (0..got).filter(|&row| assessment.is_anomaly(row)) {
            self.anomalies += 1;
            let Some(mut decision) = assessment.decision(row) else { continue };
            decision.row += self.records;
            let ends = endpoints.get(row);
            let anonymous = ends.src_ip.is_none() && ends.dst_ip.is_none();
            let key = Key {
                src_ip: ends.src_ip,
                dst_ip: ends.dst_ip,
                row: anonymous.then_some(decision.row),
                protocol: ends.protocol,
                family: decision.verdict.family.clone(),
                action: decision.action.rung(),
            };
            let full = self.groups.len() >= MAX_GROUPS;
            match self.groups.entry(key) {
                Entry::Occupied(mut entry) => {
                    let group = entry.get_mut();
                    group.count += 1;
                    group.dst_ports.extend(ends.dst_port);
                    if decision.verdict.score > group.worst.verdict.score {
                        group.record = table.take(&[row])?;
                        group.worst = decision;
                    }
                }
                Entry::Vacant(_) if full => {}
                Entry::Vacant(entry) => {
                    let key = entry.key().clone();
                    entry.insert(Group {
                        key,
                        worst: decision,
                        count: 1,
                        sources: 1,
                        destinations: 1,
                        dst_ports: ends.dst_port.into_iter().collect(),
                        record: table.take(&[row])?,
                    });
                }
            }
        }
        self.records += got as u64;
        self.rejected += table.report().rejected;
        Ok(())
    }

    fn count_labels(&mut self, table: &Table, assessment: &Assessment) {
        // Labels with gaps are no ground truth; nothing else depends on them here.
        let Ok(Some(labels)) = table.labels() else { return };
        let counts = self.labelled.get_or_insert_default();
        for (row, attack) in labels.into_iter().enumerate() {
            let flagged = u64::from(assessment.is_anomaly(row));
            let (all, hits) = if attack {
                (&mut counts.attacks, &mut counts.caught)
            } else {
                (&mut counts.clean, &mut counts.false_positives)
            };
            *all += 1;
            *hits += flagged;
        }
    }

    /// The summary and the `n` worst groups, each with at most `reasons` reasons. A detector that cannot explain its
    /// scores gives none.
    ///
    /// # Errors
    ///
    /// Those of [`Guard::explain`] for records that cannot be explained.
    pub fn finish(self, guard: &Guard, n: usize, reasons: usize) -> Result<Findings> {
        let groups = merge(self.groups.into_values().collect(), |group| {
            let port = *group.dst_ports.first().filter(|_| group.dst_ports.len() == 1)?;
            group.key.dst_ip.is_some().then(|| (Key { src_ip: None, ..group.key.clone() }, port))
        });
        let mut worst = merge(groups, |group| {
            let single = group.sources == 1 && group.key.src_ip.is_some();
            single.then(|| (Key { dst_ip: None, ..group.key.clone() }, 0))
        });
        let groups = worst.len();
        worst.sort_by(Group::order);
        worst.truncate(n);
        let worst = parallel::map(worst.len(), |i| {
            let group = &worst[i];
            let mut findings = describe(guard, &group.record, vec![group.worst.clone()], reasons)?;
            for finding in &mut findings {
                (finding.count, finding.dst_ports) = (group.count, group.dst_ports.len());
                (finding.sources, finding.destinations) = (group.sources, group.destinations);
            }
            Ok(findings)
        });
        Ok(Findings {
            records: self.records,
            anomalies: self.anomalies,
            rejected: self.rejected,
            threshold: *guard.threshold(),
            labelled: self.labelled,
            groups,
            worst: worst.into_iter().collect::<Result<Vec<_>>>()?.concat(),
        })
    }
}

/// The same groups, [`MERGED`] or more with the same key as one.
fn merge(groups: Vec<Group>, key: impl Fn(&Group) -> Option<(Key, u16)>) -> Vec<Group> {
    let mut merged = Vec::new();
    let mut by_key: HashMap<(Key, u16), Vec<Group>> = HashMap::new();
    for group in groups {
        match key(&group) {
            Some(key) => by_key.entry(key).or_default().push(group),
            None => merged.push(group),
        }
    }
    for groups in by_key.into_values() {
        if groups.len() < MERGED {
            merged.extend(groups);
            continue;
        }
        let different = |of: fn(&Key) -> &Option<String>| {
            groups.iter().map(|group| of(&group.key)).collect::<HashSet<_>>().len()
        };
        let (sources, destinations) = (different(|key| &key.src_ip), different(|key| &key.dst_ip));
        let count = groups.iter().map(|group| group.count).sum();
        let dst_ports = groups.iter().flat_map(|group| group.dst_ports.iter().copied()).collect();
        let worst = groups.into_iter().min_by(|a, b| a.order(b));
        merged.extend(worst.map(|worst| Group { count, sources, destinations, dst_ports, ..worst }));
    }
    merged
}

/// Decisions on the rows of a table, in order, with what identifies each record and at most `reasons` reasons.
fn describe(guard: &Guard, rows: &Table, decisions: Vec<Decision>, reasons: usize) -> Result<Vec<Finding>> {
    let explained = match guard.explain(rows) {
        _ if reasons == 0 || decisions.is_empty() => None,
        Ok(explained) => Some(explained),
        // The detector's score belongs to no single features.
        Err(Error::InvalidArgument { .. }) => None,
        Err(error) => return Err(error),
    };
    let endpoints = Endpoints::new(guard.schema(), rows);
    let finding = |(row, decision): (usize, Decision)| {
        let ends = endpoints.get(row);
        Finding {
            decision,
            time: ends.time,
            src_ip: ends.src_ip,
            src_port: ends.src_port,
            dst_ip: ends.dst_ip,
            dst_port: ends.dst_port,
            protocol: ends.protocol,
            entities: ends.entities,
            count: 1,
            sources: 1,
            destinations: 1,
            dst_ports: usize::from(ends.dst_port.is_some()),
            reasons: explained.as_ref().map(|why| why.reasons(row, reasons)).unwrap_or_default(),
        }
    };
    Ok(decisions.into_iter().enumerate().map(finding).collect())
}

impl Guard {
    /// A summary of an assessment and its `n` worst findings: equal ones grouped, each with time, addresses, ports,
    /// protocol, severity, action and what is rare about it.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the assessment is not of this table.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
    /// let guard = Guard::builder().fit(&flows)?;
    /// let findings = guard.findings(&flows, &guard.assess(&flows)?, 10)?;
    /// println!("{findings}");
    /// assert!(findings.worst.len() <= 10 && findings.worst[0].src_ip.is_some());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn findings(&self, table: &Table, assessment: &Assessment, n: usize) -> Result<Findings> {
        let mut collector = FindingsCollector::new();
        collector.add(self, table, assessment)?;
        collector.finish(self, n, REASONS)
    }

    /// Each of these rows as a [`Finding`] of its own, in the order given; at most `reasons` reasons each. Rows past the
    /// last are left out.
    ///
    /// # Errors
    ///
    /// As [`Guard::findings`].
    pub fn describe(
        &self,
        table: &Table,
        assessment: &Assessment,
        rows: &[usize],
        reasons: usize,
    ) -> Result<Vec<Finding>> {
        let (expected, got) = (table.n_rows(), assessment.len());
        if expected != got {
            return Err(Error::ShapeMismatch { what: "assessed rows", expected, got });
        }
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| row < got).collect();
        let decisions = rows.iter().filter_map(|&row| assessment.decision(row)).collect();
        describe(self, &table.take(&rows)?, decisions, reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{FlowSimulatorConfig, table};

    #[test]
    fn shares_are_short() {
        for (share, text) in [(0.0, "0"), (0.01, "1"), (0.000_15, "0.01"), (0.123_45, "12.3"), (1.0, "100")] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn every_anomaly_is_in_one_group_and_the_worst_comes_first() {
        let flows = table(&FlowSimulatorConfig { rows: 3_000, ..Default::default() }).unwrap();
        let guard = Guard::builder().fit(&flows).unwrap();
        let assessment = guard.assess(&flows).unwrap();
        let findings = guard.findings(&flows, &assessment, usize::MAX).unwrap();
        let anomalies = assessment.decisions().filter(|decision| decision.verdict.is_anomaly).count() as u64;
        assert_eq!((findings.records, findings.anomalies), (3_000, anomalies));
        assert_eq!(findings.worst.iter().map(|finding| finding.count).sum::<u64>(), anomalies);
        assert_eq!(findings.worst[0].decision, assessment.top(1)[0]);
        assert!(findings.worst.is_sorted_by(|a, b| a.decision.verdict.score >= b.decision.verdict.score));
        let labels = flows.labels().unwrap().unwrap();
        let caught = (0..3_000).filter(|&row| labels[row] && assessment.is_anomaly(row)).count() as u64;
        assert_eq!(findings.labelled.unwrap().caught, caught);

        // Ten are the first ten of all, and in parts they are the same as in one table.
        let ten = guard.findings(&flows, &assessment, 10).unwrap();
        assert_eq!(ten.worst, findings.worst[..10]);
        let mut collector = FindingsCollector::new();
        for rows in [0..1_000, 1_000..3_000] {
            let part = flows.take(&rows.collect::<Vec<_>>()).unwrap();
            collector.add(&guard, &part, &guard.assess(&part).unwrap()).unwrap();
        }
        assert_eq!(collector.finish(&guard, 10, REASONS).unwrap(), ten);

        let other = guard.assess(&flows.take(&[0]).unwrap()).unwrap();
        assert!(
            guard.findings(&flows, &other, 1).is_err() && guard.describe(&flows, &other, &[0], 1).is_err()
        );
    }
}
