//! A schema for a source that no preset fits, from the names and the first values of its columns.

mod ordinary;
mod profile;
mod times;
mod truth;
mod words;

use std::collections::HashSet;

use super::field::Field;
use super::layout::unique_names;
use super::names::CLEAN;
use super::sample::{self, Sample};
use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};
use crate::telemetry::cell::number::{self, Cell};
use crate::telemetry::cell::spelling::is_unknown;
use crate::telemetry::schema::{Column, Kind, Role, Schema};
use crate::telemetry::text::json;
use profile::{Profile, Taken, is_address};

/// The name of an inferred schema.
const NAME: &str = "inferred";

impl Schema {
    /// A schema for a batch that no preset describes, from the names and the first 2,000 rows of its columns.
    ///
    /// | role | columns |
    /// |---|---|
    /// | `label`, `family` | by name, such as `label`, `Class`, `is_attack`, `is_benign`, `attack_cat` |
    /// | `time` | by name, if its values are times, or texts that are times |
    /// | `entity` | addresses, hosts and devices, by name or because all values are addresses |
    /// | `ignore` | destination addresses, source ports, numbers of records, other times, columns with one value, texts that hardly repeat, lists, and all that may hold what the label holds |
    /// | `feature` | all else: numbers, and texts as categories; whole numbers with leading zeros such as `007` are texts |
    ///
    /// Clean labels are words such as `normal`, `BENIGN`, `Normal Traffic` and `No Attack`, and the number 0. In a column
    /// such as `is_benign` it is 1. Of 1 and 2 it is 1. Of 1 and -1 it is 1 (as in scikit-learn, where -1 is an outlier), but
    /// -1 in a column such as `is_attack`.
    ///
    /// Times are ISO 8601, RFC 2822, common formats such as `%d/%m/%Y %H:%M`, digits such as `20260301080000`, days of a
    /// spreadsheet such as `46082.5` in a column such as `date`, or seconds to nanoseconds since 1970. A time of 0 is missing.
    /// A column of dates next to one with times of day becomes one time ([`Column::time_of_day`]). Times of syslog
    /// (`Mar  1 08:00:00`) get the present year, or the year before if they would be more than a day ahead ([`Column::year`]).
    ///
    /// All readers do this if no schema is given and no preset fits; [`ReadReport::inferred`](crate::telemetry::ReadReport::inferred) then
    /// lists the roles. [`Schema::to_toml`] writes the schema down, to be changed.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] where no column can be a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let rate: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 2.5]));
    /// let class: ArrayRef = Arc::new(StringArray::from(vec!["Normal", "Flood"]));
    /// let schema = Schema::infer(&RecordBatch::try_from_iter([("rate", rate), ("class", class)])?)?;
    /// assert_eq!(schema.columns()[0].role, Role::Feature);
    /// assert_eq!(schema.columns()[1].role, Role::Label);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn infer(batch: &RecordBatch) -> Result<Self> {
        let names: Vec<String> = batch.schema_ref().fields().iter().map(|f| f.name().clone()).collect();
        let names = unique_names(&names);
        of_samples("batch", &sample::of_batch(batch, &names))
    }

    /// A schema for JSON records that no preset describes, as [`Schema::infer`] makes one for a batch.
    ///
    /// The text is one JSON object, or an array of objects.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for text that is not such JSON; [`Error::InsufficientData`] for an empty array;
    /// [`Error::SchemaMismatch`] where no column can be a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let schema = Schema::infer_json(r#"[{"rate": 0.5, "class": "Normal"}, {"rate": 2.5, "class": "Flood"}]"#)?;
    /// assert_eq!(schema.columns()[1].role, Role::Label);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn infer_json(text: &str) -> Result<Self> {
        of_samples("json", &sample::of_json(json::records(text, sample::ROWS, &|_| false)?))
    }
}

fn of_samples(place: &str, samples: &[Sample]) -> Result<Schema> {
    infer(samples).map(|(schema, _)| schema).ok_or_else(|| Error::SchemaMismatch {
        place: place.into(),
        schema: NAME.into(),
        missing: vec!["a column that can be a feature".into()],
        unknown: Vec::new(),
    })
}

/// The schema of a sample, and what its columns are inferred to be in words; `None` where no column can be a feature.
pub(crate) fn infer(samples: &[Sample]) -> Option<(Schema, Vec<String>)> {
    let profiles: Vec<Profile> = samples.iter().map(Profile::of).collect();
    let label = truth::label(&profiles);
    let family = truth::family(&profiles, label);
    let mut taken: Vec<Taken> = Vec::with_capacity(profiles.len());
    let mut clean = Vec::new();
    for (i, profile) in profiles.iter().enumerate() {
        taken.push(if Some(i) == label {
            let (column, words) = profile.label();
            clean = words;
            column
        } else if Some(i) == family {
            Taken::new(Column::new(&profile.sample.name, Role::Family, Kind::Text))
        } else {
            profile.ordinary(label.is_some())
        });
    }
    times::join_dates(&mut taken, &profiles);
    times::only_one_time(&mut taken);
    only_one_of_a_field(&mut taken);
    ends_by_values(&mut taken, &profiles);
    taken.iter().any(|t| t.column.role == Role::Feature).then_some(())?;
    if clean.is_empty() {
        clean = CLEAN.map(str::to_owned).to_vec();
    }
    let words = words::lines(&taken);
    let columns = taken.into_iter().map(|t| t.column).collect();
    Some((Schema::new(NAME, columns, clean).ok()?, words))
}

/// A field has one column: the first of several.
fn only_one_of_a_field(taken: &mut [Taken]) {
    let mut seen = HashSet::new();
    for t in taken {
        if t.column.field.is_some_and(|field| !seen.insert(field)) {
            t.column.field = None;
        }
    }
}

/// Addresses under names of no known end are the ends that no column has by name, so that the prefixes of a policy match them.
fn ends_by_values(taken: &mut [Taken], profiles: &[Profile<'_>]) {
    for field in [Field::SrcIp, Field::DstIp] {
        if taken.iter().any(|t| t.column.field == Some(field)) {
            continue;
        }
        let unnamed = taken.iter_mut().zip(profiles).find(|(t, profile)| {
            t.column.role == Role::Entity && t.column.field.is_none() && profile.holds_addresses()
        });
        if let Some((t, _)) = unnamed {
            t.column.field = Some(field);
        }
    }
}

/// Whether a record of CSV is a header: no cell is empty or a number.
pub(crate) fn is_header(first: &[String]) -> bool {
    let name = |cell: &String| match number::parse(cell.trim().as_bytes(), false) {
        Cell::Bad => !is_unknown(cell) && !is_address(cell.trim()),
        // pandas writes an index without a name.
        Cell::Missing => true,
        _ => false,
    };
    first.len() > 1 && first.iter().all(name)
}
