//! What gives the answer away: telling columns, and rows that training and test share.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use crate::arrow::array::AsArray;
use crate::arrow::datatypes::Float64Type;
use serde::Serialize;

use super::duplicates::{Distinct, feature_keys};
use crate::error::{Error, Result};
use crate::ranking::Ranking;
use crate::telemetry::{Kind, Role, Table};

/// Bins that a number column is cut into, by its quantiles: enough to separate single packet sizes.
const BINS: usize = 1024;

/// How well one column alone separates attacks from clean rows, in the test table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FeatureAuc {
    /// The column.
    pub name: String,
    /// AUC of the attack share that the training rows have at the row's value.
    ///
    /// The values of a number column are cut into at most 1,024 bins at the quantiles of the training rows; a
    /// missing value is a value of its own. This detects attacks with exact sizes.
    pub by_value: f64,
    /// `max(AUC, 1 − AUC)` of the values as scores, in [½, 1], missing ones below all others; `None` for text.
    pub by_order: Option<f64>,
    /// Whether the larger of the two reaches the level of the audit.
    pub flagged: bool,
}

/// What a result on a train and a test table is worth.
///
/// A column that nearly determines the label by itself often identifies how the attacks were made rather than
/// what they are; a test row whose features are also in the training part tests memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LeakAudit {
    /// Rows of the training table.
    pub train_rows: usize,
    /// Rows of the test table.
    pub test_rows: usize,
    /// Training rows that repeat the features of an earlier one.
    pub duplicates_in_train: usize,
    /// Test rows that repeat the features of an earlier one.
    pub duplicates_in_test: usize,
    /// Test rows whose features are also in the training table.
    pub shared: usize,
    /// Repeated training rows whose label differs from the first occurrence: no detector can have them all right.
    pub conflicting_in_train: usize,
    /// From this AUC on a column is flagged.
    pub level: f64,
    /// Every feature column, the most telling by value first.
    pub features: Vec<FeatureAuc>,
}

impl LeakAudit {
    /// Audits a train and a test table of one schema; rows are compared by their features, as in [`Distinct`].
    ///
    /// `level`, in (½, 1], flags columns; .85 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a level outside its range, tables of two schemas and a table without
    /// labels; [`Error::InsufficientData`] without feature columns and for test rows of one label only; as
    /// [`Table::labels`].
    pub fn of(train: &Table, test: &Table, level: f64) -> Result<Self> {
        if !(level > 0.5 && level <= 1.0) {
            return Err(Error::invalid("level", "above 0.5 and at most 1", level));
        }
        let schema = train.schema();
        if schema.columns() != test.schema().columns() {
            let expected = format!("of the training table's schema `{}`", schema.name());
            return Err(Error::invalid("test", expected, test.schema().name()));
        }
        let (train, test) = (&train.labelled()?, &test.labelled()?);
        let (Some(known), Some(asked)) = (train.labels()?, test.labels()?) else {
            return Err(Error::invalid("tables", "tables with labels", schema.name()));
        };
        let mut features = Vec::new();
        for (index, column) in schema.columns().iter().enumerate().filter(|(_, c)| c.role == Role::Feature) {
            let (by_value, by_order) = match column.kind {
                Kind::Number | Kind::Time => {
                    let (train, test) = (numbers(train, index), numbers(test, index));
                    (
                        auc_by_value(&binned(&train, &train), &known, &binned(&test, &train), &asked)?,
                        Some(auc_by_order(&test, &asked)?),
                    )
                }
                Kind::Text => {
                    (auc_by_value(&texts(train, index), &known, &texts(test, index), &asked)?, None)
                }
            };
            let flagged = by_value.max(by_order.unwrap_or(0.0)) >= level;
            features.push(FeatureAuc { name: column.name.clone(), by_value, by_order, flagged });
        }
        features.sort_by(|a, b| b.by_value.total_cmp(&a.by_value));
        let (in_train, in_test) = (Distinct::of(train)?, Distinct::of(test)?);
        let trained: HashSet<[u8; 16]> = feature_keys(train)?.into_iter().collect();
        Ok(Self {
            train_rows: train.n_rows(),
            test_rows: test.n_rows(),
            duplicates_in_train: in_train.removed,
            duplicates_in_test: in_test.removed,
            shared: feature_keys(test)?.iter().filter(|key| trained.contains(*key)).count(),
            conflicting_in_train: in_train.conflicting,
            level,
            features,
        })
    }
}

impl fmt::Display for LeakAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        for (what, part, whole) in [
            ("test rows shared with train", self.shared, self.test_rows),
            ("duplicates in test", self.duplicates_in_test, self.test_rows),
            ("duplicates in train", self.duplicates_in_train, self.train_rows),
            ("conflicting labels in train", self.conflicting_in_train, self.train_rows),
        ] {
            writeln!(f, "{what:<28}{part:>9} of {whole:>9}  {:>6.2} %", percent(part, whole))?;
        }
        let flagged = self.features.iter().filter(|feature| feature.flagged);
        writeln!(f, "columns that alone reach an AUC of {}: {}", self.level, flagged.clone().count())?;
        for FeatureAuc { name, by_value, by_order, .. } in flagged {
            write!(f, "  {name:<26}{by_value:>9.4} by value")?;
            match by_order {
                Some(auc) => writeln!(f, "  {auc:.4} by order")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// Cells of a number column, `None` where missing or NaN.
fn numbers(table: &Table, column: usize) -> Vec<Option<f64>> {
    let cells = table.batches().iter().flat_map(|b| b.column(column).as_primitive::<Float64Type>());
    cells.map(|cell| cell.filter(|value| !value.is_nan())).collect()
}

/// Cells of a text column, `None` where missing.
fn texts(table: &Table, column: usize) -> Vec<Option<&str>> {
    table.batches().iter().flat_map(|b| b.column(column).as_string::<i32>()).collect()
}

/// The bin of each value, between quantiles of the training values.
fn binned(values: &[Option<f64>], train: &[Option<f64>]) -> Vec<Option<usize>> {
    let mut sorted: Vec<f64> = train.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let mut edges: Vec<f64> = (0..=BINS).filter_map(|i| sorted.get(i * last / BINS).copied()).collect();
    edges.dedup();
    values.iter().map(|value| value.map(|v| edges.partition_point(|&edge| edge < v))).collect()
}

/// See [`FeatureAuc::by_value`]; a value that training has not seen gets the share of attacks there.
fn auc_by_value<V: Eq + Hash>(train: &[V], known: &[bool], test: &[V], asked: &[bool]) -> Result<f64> {
    let attacks = known.iter().filter(|&&attack| attack).count() as f64;
    let overall = attacks / known.len().max(1) as f64;
    let mut counts: HashMap<&V, (f64, f64)> = HashMap::new();
    for (value, &attack) in train.iter().zip(known) {
        let (attacks, rows) = counts.entry(value).or_default();
        *attacks += f64::from(u8::from(attack));
        *rows += 1.0;
    }
    // One row with the overall share is added to every value, so that rare ones do not shout.
    let share =
        |value: &V| counts.get(value).map_or(overall, |(attacks, rows)| (attacks + overall) / (rows + 1.0));
    Ok(Ranking::new(&test.iter().map(share).collect::<Vec<f64>>(), asked)?.curve(|_| 1).roc_auc())
}

/// See [`FeatureAuc::by_order`].
fn auc_by_order(values: &[Option<f64>], labels: &[bool]) -> Result<f64> {
    let values: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::NEG_INFINITY)).collect();
    let auc = Ranking::new(&values, labels)?.curve(|_| 1).roc_auc();
    Ok(auc.max(1.0 - auc))
}
