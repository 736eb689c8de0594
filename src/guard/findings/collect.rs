//! Findings of tables that are assessed one after the other: equal ones become groups.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Finding, Findings, Labelled};
use crate::error::{Error, Result};
use crate::guard::endpoints::Endpoints;
use crate::guard::notice::{self, Notice};
use crate::guard::{Assessment, Guard};
use crate::parallel;
use crate::qos::Decision;
use crate::telemetry::Table;

/// Groups to one destination port, or from one source, that become one.
const MERGED: usize = 3;
/// Groups that are kept; further anomalies are counted only.
const MAX_GROUPS: usize = 65_536;

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
    notices: Vec<Notice>,
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

    /// The notices of all assessments so far, with summed counts; see [`Assessment::notices`].
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Sets the number of records that could not be read, where the reports of the tables do not contain it.
    pub const fn set_rejected(&mut self, rejected: u64) {
        self.rejected = rejected;
    }

    /// Adds a table, its assessment by the guard, and the rejections of its report. Row numbers continue from the
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
        // The reasons of a single record need the columns that the records before it gave.
        let table = &guard.append_contexts(table)?;
        self.count_labels(table, assessment);
        notice::merge(&mut self.notices, assessment.notices());
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
        // Labels with gaps are not ground truth; nothing else depends on them here.
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
    /// The errors of [`Guard::explain`] for records that cannot be explained.
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
        let worst = groups.into_iter().min_by(Group::order);
        merged.extend(worst.map(|worst| Group { count, sources, destinations, dst_ports, ..worst }));
    }
    merged
}

/// Decisions on the rows of a table, in order, with what identifies each record and at most `reasons` reasons.
pub(super) fn describe(
    guard: &Guard,
    rows: &Table,
    decisions: Vec<Decision>,
    reasons: usize,
) -> Result<Vec<Finding>> {
    let wanted = reasons > 0 && !decisions.is_empty();
    let explained = match wanted.then(|| guard.explain(rows)).transpose() {
        // The detector's score belongs to no single features.
        Err(Error::InvalidArgument { .. }) => None,
        explained => explained?,
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
