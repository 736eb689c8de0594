//! Why a guard scores a record as it does, in terms of its raw columns.

use std::collections::BTreeMap;

use crate::arrow::array::{Array, Float64Array, StringArray};
use ndarray::Array2;

use super::Guard;
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::explain::{CleanRange, Explanation, Observed, TopReasons};
use crate::features::{Featurizer, TableEncoder};
use crate::telemetry::Table;

/// Why a guard scores the records of a table as it does; made by [`Guard::explain`].
#[derive(Clone, Debug)]
pub struct GuardExplanation {
    columns: Vec<String>,
    explanation: Explanation,
    table: Table,
    ranges: Vec<CleanRange>,
}

impl Guard {
    /// Splits the score of every record into what each of its columns adds, and puts the main reasons into words.
    ///
    /// A column is credited with the sum of what its features add (a number and whether it was missing, the
    /// categories of a text); see the detector's own `explain` for what is shared out, and how.
    ///
    /// # Errors
    ///
    /// As [`Guard::assess`]; [`Error::InvalidArgument`] for a detector whose score belongs to no single features.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
    /// let guard = Guard::builder().fit(&flows)?;
    /// let worst = guard.assess(&flows)?.top(1)[0].row as usize;
    /// let explained = guard.explain(&flows.take(&[worst])?)?;
    /// for reason in explained.reasons(0, 3).0 {
    ///     println!("{reason}"); // such as: packets = 91000 is higher than in 99 % of clean traffic (usually up to 512)
    /// }
    /// assert_eq!(explained.explanation().contributions.dim(), (1, explained.columns().len()));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn explain(&self, table: &Table) -> Result<GuardExplanation> {
        let table = &self.append_contexts(table)?;
        let featurizer = &self.stages.featurizer;
        let features = featurizer.transform(table)?;
        let by_feature = self.stages.detector.explain(features.matrix.view())?;
        let columns: Vec<String> = featurizer.columns().into_iter().map(Into::into).collect();
        let mut contributions = Array2::zeros((table.n_rows(), columns.len()));
        for (feature, column) in featurizer.sources().into_iter().enumerate() {
            let mut sum = contributions.column_mut(column);
            sum += &by_feature.contributions.column(feature);
        }
        Ok(GuardExplanation {
            columns,
            explanation: Explanation::new(by_feature.base, contributions, by_feature.scores)?,
            table: table.clone(),
            ranges: self.stages.clean_ranges.clone(),
        })
    }
}

impl GuardExplanation {
    /// Puts an explanation together again, of the parts that its accessors return.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] unless there is a contribution of each column to each record of the table, and no range
    /// or one for each column.
    pub fn new(
        columns: Vec<String>,
        explanation: Explanation,
        table: Table,
        clean_ranges: Vec<CleanRange>,
    ) -> Result<Self> {
        let (expected, got) = ((table.n_rows(), columns.len()), explanation.contributions.dim());
        let unequal = [(expected.0, got.0), (expected.1, got.1), (expected.0, explanation.scores.len())];
        if let Some(&(expected, got)) = unequal.iter().find(|(expected, got)| expected != got) {
            return Err(Error::ShapeMismatch { what: "contributions", expected, got });
        }
        if !clean_ranges.is_empty() && clean_ranges.len() != columns.len() {
            let (expected, got) = (columns.len(), clean_ranges.len());
            return Err(Error::ShapeMismatch { what: "clean ranges", expected, got });
        }
        Ok(Self { columns, explanation, table, ranges: clean_ranges })
    }

    /// The records.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What each column looks like in clean traffic; empty for a guard of format 1.
    pub fn clean_ranges(&self) -> &[CleanRange] {
        &self.ranges
    }

    /// The raw columns, in the order of the contributions.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Base, contributions by column, and scores.
    pub fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// The columns that raise a record's score most and hold a rare value, at most `n`, each with its value and what
    /// clean traffic shows; see [`TopReasons`].
    ///
    /// Empty for a row past the last, and where no single value is rare.
    pub fn reasons(&self, row: usize, n: usize) -> TopReasons {
        if row >= self.explanation.scores.len() {
            return TopReasons::default();
        }
        TopReasons::new(&self.explanation, row, n, |column| {
            (self.columns[column].clone(), self.observed(row, column))
        })
    }

    /// A raw cell and the range of clean traffic.
    fn observed(&self, row: usize, column: usize) -> Observed {
        let mut at = row;
        for batch in self.table.batches() {
            if at >= batch.num_rows() {
                at -= batch.num_rows();
                continue;
            }
            let Some(cells) = batch.column_by_name(&self.columns[column]) else { break };
            // A guard of format 1 has no ranges.
            let range = self.ranges.get(column);
            if let Some(numbers) = cells.as_any().downcast_ref::<Float64Array>() {
                let value = if numbers.is_valid(at) { numbers.value(at) } else { f64::NAN };
                let unknown = CleanRange::Number { low: f64::NEG_INFINITY, high: f64::INFINITY };
                return range.unwrap_or(&unknown).number(value);
            }
            if let Some(texts) =
                cells.as_any().downcast_ref::<StringArray>().filter(|texts| texts.is_valid(at))
            {
                let value = texts.value(at);
                return range
                    .map_or_else(|| Observed::Text { value: value.into(), share: None }, |r| r.text(value));
            }
            break;
        }
        Observed::Missing
    }
}

/// What each column that the featurizer reads looks like in clean training rows.
pub(super) fn clean_ranges(featurizer: &TableEncoder, clean: &Table) -> Result<Vec<CleanRange>> {
    let range = |column: &str| {
        let arrays: Vec<_> =
            clean.batches().iter().filter_map(|batch| batch.column_by_name(column)).collect();
        let numbers = arrays.iter().filter_map(|array| array.as_any().downcast_ref::<Float64Array>());
        let mut numbers =
            numbers.flat_map(|array| array.iter().flatten()).map(|value| value as f32).peekable();
        if numbers.peek().is_some() {
            return CleanRange::of_numbers(numbers);
        }
        let texts = arrays.iter().filter_map(|array| array.as_any().downcast_ref::<StringArray>());
        CleanRange::of_texts(texts.flat_map(|array| array.iter().map(Option::unwrap_or_default)))
    };
    // A column that only attacks fill has never been seen in clean traffic.
    let never = || CleanRange::Text { shares: BTreeMap::new(), others: 0.0 };
    featurizer
        .columns()
        .into_iter()
        .map(|column| match range(column) {
            Err(Error::InsufficientData { .. }) => Ok(never()),
            other => other,
        })
        .collect()
}

/// Returns an error for ranges that do not belong to the columns.
pub(super) fn check_ranges(ranges: &[CleanRange], featurizer: &TableEncoder) -> Result<()> {
    let expected = featurizer.columns().len();
    if !ranges.is_empty() && ranges.len() != expected {
        return Err(Error::ShapeMismatch { what: "clean ranges", expected, got: ranges.len() });
    }
    Ok(())
}
