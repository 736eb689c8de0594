//! The table encoder: one row of features for each record of a table.

use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use ndarray::ArrayViewMut2;
use serde::{Deserialize, Serialize};

use super::category::{Categories, CategoryEncoder};
use super::number::{NumberEncoder, Scaling};
use crate::error::{Error, Result};
use crate::features::Featurizer;
use crate::telemetry::{Kind, Role, Schema, Table};

/// How records become features. Fit it on training rows only.
///
/// ```
/// use qosguard::features::{Featurizer, TableEncoderConfig};
/// use qosguard::telemetry::{ReadReport, Schema, Table};
///
/// let schema = Schema::builder("tiny").feature("bytes").category("proto").build()?;
/// let table = Table::from_json(&schema, r#"[{"bytes": 10, "proto": "tcp"}, {"bytes": 30, "proto": "udp"}]"#)?;
/// let encoder = TableEncoderConfig::default().fit(&table)?;
/// let features = encoder.transform(&table)?;
/// assert_eq!(features.names, ["bytes", "proto"]);
/// assert_eq!(features.matrix.row(1).to_vec(), [1.0, 1.0]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TableEncoderConfig {
    /// Centre and scale of numeric columns.
    pub scaling: Scaling,
    /// Encoding of categorical columns.
    pub categories: Categories,
    /// Whether skewed, non-negative columns are taken to `ln(1 + v)`. A column is skewed when
    /// `max/mean > 20`, `std/mean > 3`, `p99.9/p99 > 2` or `log10(max + 1) − log10(mean + 1) > 2`.
    pub auto_log: bool,
}

impl Default for TableEncoderConfig {
    fn default() -> Self {
        Self { scaling: Scaling::default(), categories: Categories::default(), auto_log: true }
    }
}

/// Why a column gives no feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// One value in every training row.
    Constant,
    /// No usable value in any training row: numbers are missing or infinite, text is missing or empty.
    Missing,
    /// Equal to an earlier column, named here, in every training row.
    DuplicateOf(String),
}

/// A column of role `feature` that gives no feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Dropped {
    /// The raw column.
    pub column: String,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// One raw column and how it is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Encoder {
    Number(NumberEncoder),
    Category(CategoryEncoder),
}

/// Fitted map from the records of a table to features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTableEncoder", into = "RawTableEncoder")]
pub struct TableEncoder {
    config: TableEncoderConfig,
    encoders: Vec<Encoder>,
    dropped: Vec<Dropped>,
    names: Vec<String>,
}

/// A [`TableEncoder`] in a file: the names follow from the encoders.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTableEncoder {
    config: TableEncoderConfig,
    encoders: Vec<Encoder>,
    dropped: Vec<Dropped>,
}

impl From<TableEncoder> for RawTableEncoder {
    fn from(f: TableEncoder) -> Self {
        Self { config: f.config, encoders: f.encoders, dropped: f.dropped }
    }
}

impl TryFrom<RawTableEncoder> for TableEncoder {
    type Error = Error;

    fn try_from(raw: RawTableEncoder) -> Result<Self> {
        let mut names = Vec::new();
        for encoder in &raw.encoders {
            let valid = match encoder {
                Encoder::Number(e) => {
                    names.push(e.column.clone());
                    if e.flag {
                        names.push(format!("{} missing", e.column));
                    }
                    e.is_valid()
                }
                Encoder::Category(e) => {
                    names.extend(e.names());
                    e.is_valid()
                }
            };
            if !valid {
                return Err(Error::invalid(
                    "encoders",
                    "finite numbers and distinct values",
                    format!("{encoder:?}"),
                ));
            }
        }
        Ok(Self { config: raw.config, encoders: raw.encoders, dropped: raw.dropped, names })
    }
}

impl TableEncoderConfig {
    /// Learns encodings from the feature columns of the training rows.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a cap outside its range; [`Error::InsufficientData`] for no rows, or
    /// when no column carries a feature.
    pub fn fit(&self, table: &Table) -> Result<TableEncoder> {
        let most = match self.categories {
            Categories::OneHot { .. } => 1_000,
            Categories::Ordinal { .. } => 65_535,
        };
        if !(1..=most).contains(&self.categories.cap()) {
            return Err(Error::invalid("categories.cap", format!("in 1..={most}"), self.categories.cap()));
        }
        if table.n_rows() == 0 {
            return Err(Error::InsufficientData { what: "training rows".into(), needed: 1, got: 0 });
        }
        let (mut encoders, mut dropped) = (Vec::new(), Vec::new());
        for (index, column) in table.schema().columns().iter().enumerate() {
            if column.role != Role::Feature {
                continue;
            }
            let outcome = match column.kind {
                Kind::Number | Kind::Time => self.fit_number(table, index).map(Encoder::Number),
                Kind::Text => self.fit_category(table, index).map(Encoder::Category),
            };
            let outcome = outcome.and_then(|encoder| match duplicated(table, index) {
                Some(earlier) => Err(DropReason::DuplicateOf(earlier.to_owned())),
                None => Ok(encoder),
            });
            match outcome {
                Ok(encoder) => encoders.push(encoder),
                Err(reason) => dropped.push(Dropped { column: column.name.clone(), reason }),
            }
        }
        if encoders.is_empty() {
            return Err(Error::InsufficientData {
                what: "columns that vary in the training rows".into(),
                needed: 1,
                got: 0,
            });
        }
        RawTableEncoder { config: *self, encoders, dropped }.try_into()
    }

    fn fit_category(&self, table: &Table, index: usize) -> Result<CategoryEncoder, DropReason> {
        let cells = || table.batches().iter().flat_map(|b| text_cells(b.column(index).as_any()));
        let name = &table.schema().columns()[index].name;
        CategoryEncoder::fit(name, cells(), self.categories).ok_or_else(|| {
            if cells().all(str::is_empty) { DropReason::Missing } else { DropReason::Constant }
        })
    }

    fn fit_number(&self, table: &Table, index: usize) -> Result<NumberEncoder, DropReason> {
        let arrays = || {
            table
                .batches()
                .iter()
                .filter_map(move |b| b.column(index).as_any().downcast_ref::<Float64Array>())
        };
        let values: Vec<f64> = arrays().flat_map(|a| a.iter().flatten()).filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return Err(DropReason::Missing);
        }
        let missing = values.len() < table.n_rows();
        let name = &table.schema().columns()[index].name;
        NumberEncoder::fit(name, values, missing, self.scaling, self.auto_log).ok_or(DropReason::Constant)
    }
}

/// The first earlier feature with the same cells in every row, if there is one.
fn duplicated(table: &Table, index: usize) -> Option<&str> {
    let columns = table.schema().columns();
    let equal = |&earlier: &usize| table.batches().iter().all(|b| b.column(earlier) == b.column(index));
    (0..index)
        .filter(|&i| columns[i].role == Role::Feature && columns[i].kind == columns[index].kind)
        .find(equal)
        .map(|i| columns[i].name.as_str())
}

impl TableEncoder {
    /// Columns of role `feature` that give no feature, and why.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// For each feature, which of [`Featurizer::columns`] it is made of.
    pub fn sources(&self) -> Vec<usize> {
        let width = |encoder: &Encoder| match encoder {
            Encoder::Number(e) => 1 + usize::from(e.flag),
            Encoder::Category(e) => e.width(),
        };
        self.encoders.iter().enumerate().flat_map(|(i, encoder)| vec![i; width(encoder)]).collect()
    }

    /// The features that hold codes of categories, by index.
    pub fn categorical(&self) -> Vec<usize> {
        let one_code = |e: &Encoder| matches!(e, Encoder::Category(e) if e.width() == 1);
        let sources = self.sources().into_iter().enumerate();
        sources.filter(|&(_, source)| one_code(&self.encoders[source])).map(|(feature, _)| feature).collect()
    }

    /// The settings that it was fitted with.
    pub fn config(&self) -> &TableEncoderConfig {
        &self.config
    }
}

impl Featurizer for TableEncoder {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn columns(&self) -> Vec<&str> {
        let columns = self.encoders.iter().map(|e| match e {
            Encoder::Number(e) => e.column(),
            Encoder::Category(e) => e.column(),
        });
        columns.collect()
    }

    fn transform_into(&self, batch: &RecordBatch, out: ArrayViewMut2<'_, f32>) -> Result<u64> {
        let schema = batch.schema();
        let places = self.places(|name| schema.index_of(name).ok())?;
        self.encode(&places, batch, out)
    }
}

/// A [`TableEncoder`] with the places of its columns in the batches of one schema, for many small batches.
///
/// # Examples
///
/// ```
/// use qosguard::features::{Featurizer, TableEncoderConfig};
/// use qosguard::telemetry::{Schema, Table};
/// use qosguard::ndarray::Array2;
///
/// let schema = Schema::builder("tiny").feature("bytes").build()?;
/// let table = Table::from_json(&schema, r#"[{"bytes": 10}, {"bytes": 30}]"#)?;
/// let encoder = TableEncoderConfig::default().fit(&table)?;
/// let bound = encoder.bind(&schema)?;
/// let mut x = Array2::zeros((2, 1));
/// bound.transform_into(&table.batches()[0], x.view_mut())?;
/// assert_eq!(x, encoder.transform(&table)?.matrix);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BoundEncoder<'a> {
    encoder: &'a TableEncoder,
    places: Vec<usize>,
}

impl BoundEncoder<'_> {
    /// As [`Featurizer::transform_into`], for a batch of the schema.
    ///
    /// # Errors
    ///
    /// As [`Featurizer::transform_into`].
    pub fn transform_into(&self, batch: &RecordBatch, out: ArrayViewMut2<'_, f32>) -> Result<u64> {
        self.encoder.encode(&self.places, batch, out)
    }
}

impl TableEncoder {
    /// Finds its columns in a schema.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the first column that is missing.
    pub fn bind(&self, schema: &Schema) -> Result<BoundEncoder<'_>> {
        Ok(BoundEncoder { encoder: self, places: self.places(|name| schema.index_of(name))? })
    }

    /// The place of each encoder's column.
    fn places(&self, find: impl Fn(&str) -> Option<usize>) -> Result<Vec<usize>> {
        self.columns().into_iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
    }

    fn encode(&self, places: &[usize], batch: &RecordBatch, mut out: ArrayViewMut2<'_, f32>) -> Result<u64> {
        for (what, expected, got) in
            [("feature columns", self.names.len(), out.ncols()), ("rows", batch.num_rows(), out.nrows())]
        {
            if expected != got {
                return Err(Error::ShapeMismatch { what, expected, got });
            }
        }
        let (mut at, mut imputed) = (0, 0);
        for (encoder, &place) in self.encoders.iter().zip(places) {
            match encoder {
                Encoder::Number(e) => {
                    let cells: &Float64Array = column(batch, place, e.column())?;
                    imputed += encode_numbers(e, cells, at, &mut out);
                    at += 1 + usize::from(e.flag);
                }
                Encoder::Category(e) => {
                    let cells: &StringArray = column(batch, place, e.column())?;
                    let mut scratch = vec![0.0; e.width()];
                    for (row, cell) in text_cells(cells).enumerate() {
                        e.encode(cell, &mut scratch);
                        for (j, &v) in scratch.iter().enumerate() {
                            out[[row, at + j]] = v;
                        }
                    }
                    at += e.width();
                }
            }
        }
        Ok(imputed)
    }
}

/// Writes a numeric column (and its flag) at feature `at`; returns the imputed cells.
fn encode_numbers(
    e: &NumberEncoder,
    cells: &Float64Array,
    at: usize,
    out: &mut ArrayViewMut2<'_, f32>,
) -> u64 {
    let (imputed_value, mut imputed) = (e.encode(e.impute), 0);
    for (row, &value) in cells.values().iter().enumerate() {
        let known = value.is_finite() && cells.is_valid(row);
        out[[row, at]] = if known { e.encode(value) } else { imputed_value };
        imputed += u64::from(!known);
        if e.flag {
            out[[row, at + 1]] = f32::from(u8::from(!known));
        }
    }
    imputed
}

/// A typed column of a batch.
fn column<'a, T: 'static>(batch: &'a RecordBatch, place: usize, name: &str) -> Result<&'a T> {
    let array = batch.columns().get(place).and_then(|column| column.as_any().downcast_ref::<T>());
    array.ok_or_else(|| missing(name))
}

/// The error of a column that is absent or of another type.
fn missing(name: &str) -> Error {
    Error::SchemaMismatch {
        place: "record batch".into(),
        schema: "featurizer".into(),
        missing: vec![name.to_owned()],
        unknown: Vec::new(),
    }
}

/// The cells of a text column, a null as the empty value.
fn text_cells(array: &dyn std::any::Any) -> impl Iterator<Item = &str> {
    array.downcast_ref::<StringArray>().into_iter().flat_map(|a| a.iter().map(Option::unwrap_or_default))
}
