//! What gives the answer away: telling columns, and rows that training and test share.

use std::collections::HashSet;
use std::fmt;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use serde::Serialize;

use super::duplicates::{Distinct, feature_keys};
use super::metrics::Ranking;
use crate::error::{Error, Result};
use crate::telemetry::{Kind, Role, Table};

/// How well one column alone tells attacks from clean rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FeatureAuc {
    /// The column.
    pub name: String,
    /// `max(AUC, 1 − AUC)` of its values, in [½, 1]; missing values and NaN rank below all others.
    pub auc: f64,
    /// Whether it reaches the level of the audit.
    pub flagged: bool,
}

/// What a result on a train and a test table is worth.
///
/// A column that nearly tells the label by itself often identifies how the attacks were made rather than
/// what they are; a test row whose features stand in the training part tests memory.
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
    /// Test rows whose features stand in the training table.
    pub shared: usize,
    /// Repeated training rows whose label is not that of the first: no detector can have them all right.
    pub conflicting_in_train: usize,
    /// From this `max(AUC, 1 − AUC)` on a column is flagged.
    pub level: f64,
    /// Every number feature, the most telling first, measured on the training table.
    pub features: Vec<FeatureAuc>,
}

impl LeakAudit {
    /// Audits a train and a test table of one schema; the rows of a feature are compared as in [`Distinct`].
    ///
    /// `level`, in (½, 1], flags columns; .85 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a level outside its range, tables of two schemas and a table without
    /// labels; [`Error::InsufficientData`] without feature columns and for training rows of one label only;
    /// as [`Table::labels`].
    pub fn of(train: &Table, test: &Table, level: f64) -> Result<Self> {
        if !(level > 0.5 && level <= 1.0) {
            return Err(Error::invalid("level", "above 0.5 and at most 1", level));
        }
        let schema = train.schema();
        if schema.columns() != test.schema().columns() {
            let expected = format!("of the training table's schema `{}`", schema.name());
            return Err(Error::invalid("test", expected, test.schema().name()));
        }
        let Some(labels) = train.labels()? else {
            return Err(Error::invalid("train", "a table with labels", schema.name()));
        };
        let mut features = Vec::new();
        for (index, column) in schema.columns().iter().enumerate() {
            if column.role == Role::Feature && column.kind == Kind::Number {
                let cells =
                    train.batches().iter().flat_map(|b| b.column(index).as_primitive::<Float64Type>());
                let values: Vec<f64> =
                    cells.map(|cell| cell.filter(|v| !v.is_nan()).unwrap_or(f64::NEG_INFINITY)).collect();
                let auc = Ranking::new(&values, &labels)?.curve(|_| 1).roc_auc();
                let auc = auc.max(1.0 - auc);
                features.push(FeatureAuc { name: column.name.clone(), auc, flagged: auc >= level });
            }
        }
        features.sort_by(|a, b| b.auc.total_cmp(&a.auc));
        let (in_train, in_test) = (Distinct::of(train)?, Distinct::of(test)?);
        let known: HashSet<[u8; 16]> = feature_keys(train)?.into_iter().collect();
        Ok(Self {
            train_rows: train.n_rows(),
            test_rows: test.n_rows(),
            duplicates_in_train: in_train.removed,
            duplicates_in_test: in_test.removed,
            shared: feature_keys(test)?.iter().filter(|key| known.contains(*key)).count(),
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
        for feature in flagged {
            writeln!(f, "  {:<26}{:>9.4}", feature.name, feature.auc)?;
        }
        Ok(())
    }
}
