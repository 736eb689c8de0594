//! Fields that follow exactly from others: sums, differences and ratios, null where they are undefined.

use crate::arrow::array::{AsArray, Float64Array, RecordBatch};
use crate::arrow::datatypes::Float64Type;

use super::field::Field;
use crate::telemetry::schema::{Column, Kind, Schema};

/// What is done with two cells, each in the unit of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Sum,
    Difference,
    /// Null where the divisor is 0.
    Ratio,
    /// Bytes by seconds, as bits by seconds.
    BitRate,
}

/// A field, and the two that it follows from. Rules of the fields on the right come first.
const RULES: [(Field, Field, Op, Field); 29] = {
    use Field as F;
    use Op::{BitRate, Difference, Ratio, Sum};
    [
        (F::Duration, F::EndTime, Difference, F::StartTime),
        (F::Packets, F::FwdPackets, Sum, F::BwdPackets),
        (F::PayloadBytes, F::FwdPayloadBytes, Sum, F::BwdPayloadBytes),
        (F::IpBytes, F::FwdIpBytes, Sum, F::BwdIpBytes),
        (F::FrameBytes, F::FwdFrameBytes, Sum, F::BwdFrameBytes),
        (F::FinCount, F::FwdFinCount, Sum, F::BwdFinCount),
        (F::SynCount, F::FwdSynCount, Sum, F::BwdSynCount),
        (F::RstCount, F::FwdRstCount, Sum, F::BwdRstCount),
        (F::PshCount, F::FwdPshCount, Sum, F::BwdPshCount),
        (F::AckCount, F::FwdAckCount, Sum, F::BwdAckCount),
        (F::UrgCount, F::FwdUrgCount, Sum, F::BwdUrgCount),
        (F::CwrCount, F::FwdCwrCount, Sum, F::BwdCwrCount),
        (F::EceCount, F::FwdEceCount, Sum, F::BwdEceCount),
        (F::RoundTrip, F::SynAckDelay, Sum, F::AckDelay),
        (F::PayloadMean, F::PayloadBytes, Ratio, F::Packets),
        (F::FwdPayloadMean, F::FwdPayloadBytes, Ratio, F::FwdPackets),
        (F::BwdPayloadMean, F::BwdPayloadBytes, Ratio, F::BwdPackets),
        (F::FrameMean, F::FrameBytes, Ratio, F::Packets),
        (F::FwdFrameMean, F::FwdFrameBytes, Ratio, F::FwdPackets),
        (F::BwdFrameMean, F::BwdFrameBytes, Ratio, F::BwdPackets),
        (F::FwdIpMean, F::FwdIpBytes, Ratio, F::FwdPackets),
        (F::BwdIpMean, F::BwdIpBytes, Ratio, F::BwdPackets),
        (F::DownUpRatio, F::BwdPackets, Ratio, F::FwdPackets),
        (F::PayloadRate, F::PayloadBytes, Ratio, F::Duration),
        (F::PacketRate, F::Packets, Ratio, F::Duration),
        (F::FwdPacketRate, F::FwdPackets, Ratio, F::Duration),
        (F::BwdPacketRate, F::BwdPackets, Ratio, F::Duration),
        (F::FwdBitRate, F::FwdIpBytes, BitRate, F::Duration),
        (F::BwdBitRate, F::BwdIpBytes, BitRate, F::Duration),
    ]
};

/// Whether two fields have one meaning.
pub(crate) fn same(a: Field, b: Field) -> bool {
    let one = |field| match field {
        Field::FwdIatTotal => Field::FwdDuration,
        Field::BwdIatTotal => Field::BwdDuration,
        other => other,
    };
    one(a) == one(b)
}

/// How a field is computed from the columns of a schema.
#[derive(Clone, Debug)]
pub(crate) enum Formula {
    /// The cells of a column, taken to the field's unit.
    Column { at: usize, factor: f64 },
    /// Two formulas and what is done with their cells.
    Pair(Box<Self>, Op, Box<Self>),
}

impl Formula {
    /// The formula that a rule gives for a field; `None` where the schema lacks what it takes.
    pub(crate) fn derived(field: Field, source: &Schema) -> Option<Self> {
        RULES.iter().filter(|(of, ..)| *of == field).find_map(|&(_, left, op, right)| {
            Some(Self::Pair(Self::of(left, source)?.into(), op, Self::of(right, source)?.into()))
        })
    }

    fn of(field: Field, source: &Schema) -> Option<Self> {
        let fits =
            |c: &Column| c.kind != Kind::Text && !c.is_truth() && c.field.is_some_and(|f| same(f, field));
        match source.columns().iter().position(fits) {
            Some(at) => Some(Self::Column { at, factor: source.columns().get(at)?.factor() }),
            None => Self::derived(field, source),
        }
    }

    /// In words, with the names of the source's columns.
    pub(crate) fn words(&self, source: &Schema) -> String {
        match self {
            Self::Column { at, .. } => source.columns().get(*at).map_or_else(String::new, |c| c.name.clone()),
            Self::Pair(left, op, right) => {
                let inner = |formula: &Self| match formula {
                    Self::Column { .. } => formula.words(source),
                    Self::Pair(..) => format!("({})", formula.words(source)),
                };
                let (left, right) = (inner(left), inner(right));
                match op {
                    Op::Sum => format!("{left} + {right}"),
                    Op::Difference => format!("{left} - {right}"),
                    Op::Ratio => format!("{left} / {right}"),
                    Op::BitRate => format!("8 * {left} / {right}"),
                }
            }
        }
    }

    /// The cells, in the unit of the field; null where one that they follow from is, or where they are undefined.
    pub(crate) fn cells(&self, batch: &RecordBatch) -> Float64Array {
        match self {
            Self::Column { at, factor } => {
                let cells = batch.column(*at).as_primitive_opt::<Float64Type>();
                let cells = cells.map(|cells| cells.unary(|value| value * factor));
                cells.unwrap_or_else(|| Float64Array::new_null(batch.num_rows()))
            }
            Self::Pair(left, op, right) => {
                let (left, right) = (left.cells(batch), right.cells(batch));
                let cell = |(left, right): (Option<f64>, Option<f64>)| {
                    let (left, right) = (left?, right?);
                    let value = match op {
                        Op::Sum => left + right,
                        Op::Difference => left - right,
                        Op::Ratio => left / right,
                        Op::BitRate => 8.0 * left / right,
                    };
                    value.is_finite().then_some(value)
                };
                left.iter().zip(&right).map(cell).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_follows_from_itself() {
        for (i, (of, left, _, right)) in RULES.iter().enumerate() {
            assert!(RULES[..i].iter().all(|(earlier, ..)| earlier != of), "{}: one rule a field", of.name());
            let later = |field: &Field| RULES[i..].iter().any(|(of, ..)| of == field);
            assert!(!later(left) && !later(right), "{}", of.name());
        }
    }

    #[test]
    fn a_rule_keeps_the_unit() {
        for (of, left, op, right) in RULES {
            let unit = match (op, left.unit(), right.unit()) {
                (Op::Sum | Op::Difference, left, right) => {
                    assert_eq!(left, right, "{}", of.name());
                    left
                }
                (Op::Ratio, "B", "") => "B",
                (Op::Ratio, "B", "s") => "B/s",
                (Op::Ratio, "", "s") => "1/s",
                (Op::Ratio, "", "") => "",
                (Op::BitRate, "B", "s") => "bit/s",
                other => panic!("{}: {other:?}", of.name()),
            };
            assert_eq!(of.unit(), unit, "{}", of.name());
        }
    }
}
