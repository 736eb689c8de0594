//! Splits of one table into rows to train on and rows to test on.

use std::collections::BTreeSet;

use crate::arrow::array::AsArray;
use crate::arrow::datatypes::Float64Type;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::folds::{self, shuffled_by_label};
use crate::ranking::check_lengths;
use crate::telemetry::{Kind, Role, Table};

/// Row indices of the two parts, each ascending and disjoint from the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Split {
    /// Rows that everything is fitted on.
    pub train: Vec<usize>,
    /// Rows that nothing but the result is read from.
    pub test: Vec<usize>,
}

impl Split {
    /// A random split with the same share of each label in both parts, in `seed`'s order.
    ///
    /// Of each label, the count nearest to `test_share` of it goes to the test part.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a share outside (0, 1), [`Error::InsufficientData`] when a part would be
    /// empty.
    ///
    /// # Examples
    ///
    /// ```
    /// let labels = [true, false, false, true, false, false];
    /// let split = qosguard::evaluate::Split::stratified(&labels, 0.5, 1)?;
    /// assert_eq!(split.test.iter().filter(|&&row| labels[row]).count(), 1);
    /// assert_eq!((split.train.len(), split.test.len()), (3, 3));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn stratified(labels: &[bool], test_share: f64, seed: u64) -> Result<Self> {
        check_share(test_share)?;
        let mut in_test = vec![false; labels.len()];
        for rows in shuffled_by_label(labels, seed) {
            let count = (rows.len() as f64 * test_share).round() as usize;
            rows[..count].iter().for_each(|&row| in_test[row] = true);
        }
        Self::by(labels.len(), |row| in_test[row]).checked()
    }

    /// `k` splits whose test parts are disjoint and together are all rows, each with its share of each label.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for fewer than 2 folds, [`Error::InsufficientData`] for fewer rows than
    /// folds.
    pub fn k_fold(labels: &[bool], k: usize, seed: u64) -> Result<Vec<Self>> {
        if k < 2 {
            return Err(Error::invalid("k", "at least 2", k));
        }
        if labels.len() < k {
            let what = format!("rows for {k} folds");
            return Err(Error::InsufficientData { what, needed: k, got: labels.len() });
        }
        // The second label is dealt from where the first one stopped.
        let fold = folds::deal([shuffled_by_label(labels, seed).concat().as_slice()], labels.len(), k);
        Ok((0..k).map(|f| Self::by(labels.len(), |row| fold[row] == f)).collect())
    }

    /// For each attack family, a split whose training part has never seen it.
    ///
    /// The test part is the whole family and a random `clean_test_share` of the clean rows, the same ones for
    /// every family; the training part is the other clean rows and the other families. `labels[i]` is `true`
    /// for an attack and `families[i]` names its family; attacks without a name are a family without a name.
    /// In order of the names.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ, [`Error::InvalidArgument`] for a share outside (0, 1),
    /// [`Error::InsufficientData`] without attacks and when a part would have no clean row.
    pub fn leave_one_family_out(
        labels: &[bool],
        families: &[String],
        clean_test_share: f64,
        seed: u64,
    ) -> Result<Vec<(String, Self)>> {
        check_lengths("families", labels.len(), families.len())?;
        check_share(clean_test_share)?;
        let [clean, attacks] = shuffled_by_label(labels, seed);
        if attacks.is_empty() {
            return Err(Error::InsufficientData { what: "attack rows".into(), needed: 1, got: 0 });
        }
        let count = (clean.len() as f64 * clean_test_share).round() as usize;
        if count == 0 || count == clean.len() {
            let what = "clean rows for both parts".into();
            return Err(Error::InsufficientData { what, needed: 2, got: clean.len() });
        }
        let mut clean_test = vec![false; labels.len()];
        clean[..count].iter().for_each(|&row| clean_test[row] = true);
        let names: BTreeSet<&String> = attacks.iter().map(|&row| &families[row]).collect();
        let split = |name: &String| {
            Self::by(labels.len(), |row| clean_test[row] || labels[row] && families[row] == *name)
        };
        Ok(names.into_iter().map(|name| (name.clone(), split(name))).collect())
    }

    /// Rows before `cut` to train on, rows from `cut` on to test on, by the table's time column.
    ///
    /// A number column is compared with `cut` as a number. A text column and `cut` hold ISO 8601 dates and
    /// times without offset, such as `2017-07-06` or `2017-07-05 11:57:51.590705`: a day is a cut at its
    /// midnight. Day-first dates are rejected, since they look like month-first ones.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a table without a time column or a cut that cannot be read,
    /// [`Error::BadRecord`] for a time that is missing or cannot be read, [`Error::InsufficientData`] when a
    /// part would be empty.
    pub fn by_time(table: &Table, cut: &str) -> Result<Self> {
        let schema = table.schema();
        let Some(index) = schema.index_of_role(Role::Time) else {
            return Err(Error::invalid("table", "one with a time column", schema.name()));
        };
        let column = &schema.columns()[index];
        let mut in_test = Vec::with_capacity(table.n_rows());
        let refuse = |row: usize, value: &str, expected: &str| Error::BadRecord {
            place: table.report().place.clone(),
            line: row as u64 + 1,
            column: column.name.clone(),
            value: value.chars().take(64).collect(),
            expected: expected.into(),
        };
        match column.kind {
            Kind::Number | Kind::Time => {
                let cut = match cut.trim().parse::<f64>() {
                    Ok(number) if number.is_finite() => number,
                    _ => return Err(Error::invalid("cut", "a finite number, as the time column's", cut)),
                };
                for cell in table.batches().iter().flat_map(|b| b.column(index).as_primitive::<Float64Type>())
                {
                    match cell {
                        Some(time) if time.is_finite() => in_test.push(time >= cut),
                        _ => return Err(refuse(in_test.len(), &format!("{cell:?}"), "a finite time")),
                    }
                }
            }
            Kind::Text => {
                let Some(cut) = parse_time(cut) else { return Err(Error::invalid("cut", TIME, cut)) };
                for cell in table.batches().iter().flat_map(|b| b.column(index).as_string::<i32>()) {
                    let text = cell.unwrap_or_default();
                    let time = parse_time(text).ok_or_else(|| refuse(in_test.len(), text, TIME))?;
                    in_test.push(time >= cut);
                }
            }
        }
        Self::by(in_test.len(), |row| in_test[row]).checked()
    }

    /// The two parts as tables.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the table has fewer rows than the one that was split.
    pub fn tables(&self, table: &Table) -> Result<(Table, Table)> {
        Ok((table.take(&self.train)?, table.take(&self.test)?))
    }

    fn by(n: usize, in_test: impl Fn(usize) -> bool) -> Self {
        let (test, train) = (0..n).partition(|&row| in_test(row));
        Self { train, test }
    }

    /// Rejects an empty part.
    fn checked(self) -> Result<Self> {
        for (what, part) in [("training rows", &self.train), ("test rows", &self.test)] {
            if part.is_empty() {
                return Err(Error::InsufficientData { what: what.into(), needed: 1, got: 0 });
            }
        }
        Ok(self)
    }
}

fn check_share(share: f64) -> Result<()> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(Error::invalid("test share", "above 0 and below 1", share))
}

/// What [`parse_time`] reads, in words.
const TIME: &str = "an ISO 8601 date, or date and time without offset";

/// Reads `YYYY-MM-DD`, alone or with `[ T]HH:MM[:SS[.fraction]]`, into fields that compare as the times do.
fn parse_time(text: &str) -> Option<[u32; 7]> {
    let (date, clock) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), "00:00"));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>().try_into().ok()?;
    let nanoseconds = format!("{fraction:0<9}");
    let field = |text: &str, width: usize, least: u32, most: u32| {
        let digits = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|value| digits && (least..=most).contains(value))
    };
    Some([
        field(year, 4, 0, 9999)?,
        field(month, 2, 1, 12)?,
        field(day, 2, 1, 31)?,
        field(hour, 2, 0, 23)?,
        field(minute, 2, 0, 59)?,
        field(second, 2, 0, 60)?, // 60 is a leap second
        field(&nanoseconds, 9, 0, 999_999_999)?,
    ])
}
