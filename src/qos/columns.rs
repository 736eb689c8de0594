//! The columns of decisions: one list for Arrow, JSON, the command line and the reference page.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::action::Action;
use super::decision::Decision;
use crate::arrow::array::{
    ArrayRef, BooleanBuilder, Float32Builder, Float64Builder, ListArray, RecordBatch, StringBuilder,
    StructArray, UInt32Builder, UInt64Builder,
};
use crate::arrow::buffer::OffsetBuffer;
use crate::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use crate::error::{Error, Result};
use crate::progress;
use crate::verdict::Evidence;

/// Bytes that an Arrow text column with 32-bit offsets can hold.
const MAX_TEXT: usize = i32::MAX as usize;

/// Rows between two checks for cancellation.
const CHECK_EVERY: usize = 4096;

/// One column of decisions, such as `p_value`.
///
/// [`Assessment::to_arrow`](crate::Assessment::to_arrow), the JSON of a [`Decision`], the files of `qosguard assess` and
/// `docs/VERDICT_COLUMNS.md` have exactly these columns, in this order.
///
/// # Examples
///
/// ```
/// use qosguard::qos::DecisionColumn;
///
/// let ttl = DecisionColumn::ALL.iter().find(|column| column.name() == "ttl_s").unwrap();
/// assert!(ttl.is_nullable());
/// assert_eq!(ttl.meaning(), "Seconds until the action expires; null for `allow`.");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DecisionColumn {
    name: &'static str,
    kind: Kind,
    is_nullable: bool,
    meaning: &'static str,
    cell: for<'a> fn(&'a Decision) -> Cell<'a>,
}

/// The type of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    U32,
    U64,
    F32,
    F64,
    Text,
    Evidence,
}

/// One value of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    Text(&'a str),
    /// Written as text of 16 hexadecimal digits.
    Hex(u64),
    Evidence(&'a [Evidence]),
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match *self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(value),
            Self::U32(value) => serializer.serialize_u32(value),
            Self::U64(value) => serializer.serialize_u64(value),
            // With the digits of the exact value, so that readers of 64-bit numbers get the value of the Arrow column.
            Self::F32(value) => serializer.serialize_f64(value.into()),
            Self::F64(value) => serializer.serialize_f64(value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Hex(value) => serializer.collect_str(&format_args!("{value:016x}")),
            Self::Evidence(value) => value.serialize(serializer),
        }
    }
}

/// A value, or null.
fn or_null<'a, T>(value: Option<T>, cell: fn(T) -> Cell<'a>) -> Cell<'a> {
    value.map_or(Cell::Null, cell)
}

impl DecisionColumn {
    /// Every column, in order.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "id",
            kind: Kind::Text,
            is_nullable: false,
            meaning: "Stable id of the decision, 16 hexadecimal digits, from the guard's model digest and the record. Another policy gives the same id.",
            cell: |d| Cell::Hex(d.id),
        },
        Self {
            name: "row",
            kind: Kind::U64,
            is_nullable: false,
            meaning: "Row of the record among the assessed records, from 0.",
            cell: |d| Cell::U64(d.row),
        },
        Self {
            name: "community_id",
            kind: Kind::Text,
            is_nullable: true,
            meaning: "Community ID of the flow, version 1 with seed 0, by which other network monitors find the same flow; null where the record lacks an address, the protocol, the ports or the ICMP type.",
            cell: |d| or_null(d.community_id.as_deref(), Cell::Text),
        },
        Self {
            name: "score",
            kind: Kind::F32,
            is_nullable: false,
            meaning: "Raw output of the detector; higher is more anomalous.",
            cell: |d| Cell::F32(d.verdict.score),
        },
        Self {
            name: "p_value",
            kind: Kind::F64,
            is_nullable: false,
            meaning: "Fraction of clean traffic with a score at least this high, in (0, 1].",
            cell: |d| Cell::F64(d.verdict.p_value),
        },
        Self {
            name: "threshold",
            kind: Kind::F32,
            is_nullable: false,
            meaning: "Score above which a record is an anomaly.",
            cell: |d| Cell::F32(d.verdict.threshold),
        },
        Self {
            name: "is_anomaly",
            kind: Kind::Bool,
            is_nullable: false,
            meaning: "Whether the score is above the threshold.",
            cell: |d| Cell::Bool(d.verdict.is_anomaly),
        },
        Self {
            name: "severity",
            kind: Kind::Text,
            is_nullable: false,
            meaning: "`none` for a clean record; `low`, `medium`, `high` or `critical` for an anomaly.",
            cell: |d| Cell::Text(d.verdict.severity.as_str()),
        },
        Self {
            name: "probability",
            kind: Kind::F64,
            is_nullable: true,
            meaning: "Calibrated probability that the record is an attack, in [0, 1]; null for a detector that was fitted without labels.",
            cell: |d| or_null(d.verdict.probability, Cell::F64),
        },
        Self {
            name: "family",
            kind: Kind::Text,
            is_nullable: true,
            meaning: "Attack class of an anomaly; null for a clean record, and for a guard without attack classes.",
            cell: |d| or_null(d.verdict.family.as_deref(), Cell::Text),
        },
        Self {
            name: "family_probability",
            kind: Kind::F64,
            is_nullable: true,
            meaning: "Probability of that class among the attack classes, in (0, 1].",
            cell: |d| or_null(d.verdict.family_probability, Cell::F64),
        },
        Self {
            name: "evidence",
            kind: Kind::Evidence,
            is_nullable: false,
            meaning: "What each member of an ensemble (its p-value) or each expert of a mixture (its weight) contributed; an empty list for a single detector.",
            cell: |d| Cell::Evidence(&d.verdict.evidence),
        },
        Self {
            name: "action",
            kind: Kind::Text,
            is_nullable: false,
            meaning: "`allow`, `prioritize`, `deprioritize`, `rate_limit`, `inspect`, `drop` or `isolate`.",
            cell: |d| Cell::Text(d.action.as_str()),
        },
        Self {
            name: "ttl_s",
            kind: Kind::U32,
            is_nullable: true,
            meaning: "Seconds until the action expires; null for `allow`.",
            cell: |d| or_null(d.action.ttl_s(), Cell::U32),
        },
        Self {
            name: "bytes_per_second",
            kind: Kind::U64,
            is_nullable: true,
            meaning: "Rate of `rate_limit`, in bytes (not bits) per second.",
            cell: |d| match d.action {
                Action::RateLimit { bytes_per_second, .. } => Cell::U64(bytes_per_second),
                _ => Cell::Null,
            },
        },
        Self {
            name: "burst",
            kind: Kind::U64,
            is_nullable: true,
            meaning: "Bytes that `rate_limit` lets pass at once.",
            cell: |d| match d.action {
                Action::RateLimit { burst, .. } => Cell::U64(burst),
                _ => Cell::Null,
            },
        },
        Self {
            name: "service_class",
            kind: Kind::Text,
            is_nullable: true,
            meaning: "Service class (RFC 4594) that `prioritize` marks the traffic as.",
            cell: |d| match d.action {
                Action::Prioritize { service_class, .. } => Cell::Text(service_class.as_str()),
                _ => Cell::Null,
            },
        },
        Self {
            name: "inspection",
            kind: Kind::Text,
            is_nullable: true,
            meaning: "How `inspect` brings the traffic to the inspector: `mirror`, `queue` or `redirect`.",
            cell: |d| match d.action {
                Action::Inspect { inspection, .. } => Cell::Text(inspection.as_str()),
                _ => Cell::Null,
            },
        },
        Self {
            name: "rule",
            kind: Kind::Text,
            is_nullable: false,
            meaning: "Name of the rule that chose the action.",
            cell: |d| Cell::Text(&d.rule),
        },
        Self {
            name: "policy",
            kind: Kind::Text,
            is_nullable: false,
            meaning: "First 16 hexadecimal digits of the policy's digest.",
            cell: |d| Cell::Hex(d.policy),
        },
        Self {
            name: "dry_run",
            kind: Kind::Bool,
            is_nullable: false,
            meaning: "Whether the policy only reports: nothing may be changed in the network.",
            cell: |d| Cell::Bool(d.dry_run),
        },
    ];

    /// The name: of the Arrow column, the JSON key, the Rust field and the Python attribute. Node has it in camel case.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a decision may have no value.
    pub const fn is_nullable(&self) -> bool {
        self.is_nullable
    }

    /// What the column holds, in one sentence.
    pub const fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// The Arrow type.
    pub fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Bool => DataType::Boolean,
            Kind::U32 => DataType::UInt32,
            Kind::U64 => DataType::UInt64,
            Kind::F32 => DataType::Float32,
            Kind::F64 => DataType::Float64,
            Kind::Text => DataType::Utf8,
            Kind::Evidence => DataType::List(evidence_item()),
        }
    }

    /// The Arrow schema of all columns.
    pub fn schema() -> SchemaRef {
        let field = |column: &Self| Field::new(column.name, column.data_type(), column.is_nullable);
        Arc::new(Schema::new(Self::ALL.iter().map(field).collect::<Fields>()))
    }

    pub(super) fn cell<'a>(&self, decision: &'a Decision) -> Cell<'a> {
        (self.cell)(decision)
    }
}

/// The fields of one [`Evidence`].
fn evidence_fields() -> Fields {
    let field = |name, kind, is_nullable| Field::new(name, kind, is_nullable);
    Fields::from(vec![
        field("kind", DataType::Utf8, false),
        field("name", DataType::Utf8, false),
        field("p_value", DataType::Float64, true),
        field("weight", DataType::Float64, true),
    ])
}

fn evidence_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(evidence_fields()), false))
}

/// Decisions as an Arrow batch with a row for each.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for more than 2 GiB of text in a column, [`Error::Cancelled`].
pub(crate) fn to_arrow(decisions: impl Iterator<Item = Decision>) -> Result<RecordBatch> {
    let mut columns: Vec<Cells> = DecisionColumn::ALL.iter().map(|column| Cells::new(column.kind)).collect();
    for (row, decision) in decisions.enumerate() {
        if row % CHECK_EVERY == 0 {
            progress::check()?;
        }
        for (cells, column) in columns.iter_mut().zip(DecisionColumn::ALL) {
            cells.push(column.cell(&decision))?;
        }
    }
    let arrays = columns.into_iter().map(Cells::finish).collect::<Result<_>>()?;
    RecordBatch::try_new(DecisionColumn::schema(), arrays).map_err(not_arrow)
}

fn not_arrow(error: impl std::fmt::Display) -> Error {
    Error::invalid("assessment", "an Arrow batch", error.to_string())
}

/// The cells of one column, as they are added.
enum Cells {
    Bool(BooleanBuilder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    F32(Float32Builder),
    F64(Float64Builder),
    Text(StringBuilder),
    Evidence(Box<EvidenceCells>),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::U32 => Self::U32(UInt32Builder::new()),
            Kind::U64 => Self::U64(UInt64Builder::new()),
            Kind::F32 => Self::F32(Float32Builder::new()),
            Kind::F64 => Self::F64(Float64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Evidence => Self::Evidence(Box::default()),
        }
    }

    /// Adds a cell; one of another type than the column's is null, which a test rules out.
    fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        match (self, cell) {
            (Self::Bool(cells), cell) => {
                cells.append_option(if let Cell::Bool(value) = cell { Some(value) } else { None });
            }
            (Self::U32(cells), cell) => {
                cells.append_option(if let Cell::U32(value) = cell { Some(value) } else { None });
            }
            (Self::U64(cells), cell) => {
                cells.append_option(if let Cell::U64(value) = cell { Some(value) } else { None });
            }
            (Self::F32(cells), cell) => {
                cells.append_option(if let Cell::F32(value) = cell { Some(value) } else { None });
            }
            (Self::F64(cells), cell) => {
                cells.append_option(if let Cell::F64(value) = cell { Some(value) } else { None });
            }
            (Self::Text(cells), Cell::Text(text)) => append(cells, text, MAX_TEXT)?,
            (Self::Text(cells), Cell::Hex(number)) => append(cells, &format!("{number:016x}"), MAX_TEXT)?,
            (Self::Text(cells), _) => cells.append_null(),
            (Self::Evidence(cells), Cell::Evidence(evidence)) => cells.push(evidence)?,
            (Self::Evidence(cells), _) => cells.push(&[])?,
        }
        Ok(())
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Bool(mut cells) => Arc::new(cells.finish()),
            Self::U32(mut cells) => Arc::new(cells.finish()),
            Self::U64(mut cells) => Arc::new(cells.finish()),
            Self::F32(mut cells) => Arc::new(cells.finish()),
            Self::F64(mut cells) => Arc::new(cells.finish()),
            Self::Text(mut cells) => Arc::new(cells.finish()),
            Self::Evidence(cells) => cells.finish()?,
        })
    }
}

/// Lists of evidence, as they are added.
#[derive(Default)]
struct EvidenceCells {
    lengths: Vec<usize>,
    kinds: StringBuilder,
    names: StringBuilder,
    p_values: Float64Builder,
    weights: Float64Builder,
}

impl EvidenceCells {
    fn push(&mut self, evidence: &[Evidence]) -> Result<()> {
        self.lengths.push(evidence.len());
        for Evidence { kind, name, p_value, weight } in evidence {
            append(&mut self.kinds, kind.as_str(), MAX_TEXT)?;
            append(&mut self.names, name, MAX_TEXT)?;
            self.p_values.append_option(*p_value);
            self.weights.append_option(*weight);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.kinds.finish()),
            Arc::new(self.names.finish()),
            Arc::new(self.p_values.finish()),
            Arc::new(self.weights.finish()),
        ];
        let items = StructArray::try_new(evidence_fields(), columns, None).map_err(not_arrow)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let lists = ListArray::try_new(evidence_item(), offsets, Arc::new(items), None).map_err(not_arrow)?;
        Ok(Arc::new(lists))
    }
}

/// Appends a cell. The builder itself panics on more than `max` bytes in all.
fn append(builder: &mut StringBuilder, cell: &str, max: usize) -> Result<()> {
    let bytes = builder.values_slice().len() + cell.len();
    if bytes > max {
        return Err(Error::invalid("assessment", format!("at most {max} bytes of text in a column"), bytes));
    }
    builder.append_value(cell);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_outgrows_a_column_is_an_error() {
        let mut builder = StringBuilder::new();
        append(&mut builder, "drop", 10).unwrap();
        append(&mut builder, "isolat", 10).unwrap();
        let error = append(&mut builder, "x", 10).unwrap_err();
        assert_eq!(error.to_string(), "`assessment` must be at most 10 bytes of text in a column, got 11");
        assert_eq!(builder.finish().iter().flatten().collect::<Vec<_>>(), ["drop", "isolat"]);
    }
}
