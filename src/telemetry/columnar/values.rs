//! Arrow columns of every type that a table accepts, as numbers or as text.

use std::fmt::Write;
use std::sync::Arc;

use jiff::civil::{self, DateTime};
use jiff::{SignedDuration, Timestamp};

use crate::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, RunArray, UInt64Array, new_null_array,
};
use crate::arrow::compute::take;
use crate::arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    RunEndIndexType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use crate::telemetry::cell::spelling::{push_decimal, push_number};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Numbers, booleans, and columns without a value.
    Numbers,
    /// Points in time.
    Instants,
    /// Lengths of time, and times of the day as the time since midnight.
    Durations,
}

impl Meaning {
    /// `None` for text, bytes and nested types.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => Some(Self::Instants),
            DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => Some(Self::Durations),
            DataType::Boolean | DataType::Null => Some(Self::Numbers),
            other => other.is_numeric().then_some(Self::Numbers),
        }
    }
}

/// Dictionaries and run-end encoded columns, written out; every other column as it is.
pub(crate) fn unpacked(array: &ArrayRef) -> Option<ArrayRef> {
    let whole = match array.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary_opt()?;
            take(dictionary.values(), dictionary.keys(), None).ok()?
        }
        DataType::RunEndEncoded(_, _) => {
            let (values, rows) = runs(array)?;
            let rows: UInt64Array = rows.into_iter().map(|row| row as u64).collect();
            take(values, &rows, None).ok()?
        }
        _ => return Some(Arc::clone(array)),
    };
    unpacked(&whole)
}

/// The values of a run-end encoded column, and the position in them for each row.
pub(crate) fn runs(array: &ArrayRef) -> Option<(&ArrayRef, Vec<usize>)> {
    fn of<R: RunEndIndexType>(array: &ArrayRef) -> Option<(&ArrayRef, Vec<usize>)> {
        let runs = array.as_any().downcast_ref::<RunArray<R>>()?;
        let rows: Vec<u32> = (0..u32::try_from(array.len()).ok()?).collect();
        Some((runs.values(), runs.get_physical_indices(&rows).ok()?))
    }
    of::<Int16Type>(array).or_else(|| of::<Int32Type>(array)).or_else(|| of::<Int64Type>(array))
}

/// Numbers, booleans and nulls as `Float64`; a number of more than 53 bits is rounded.
pub(crate) fn numbers(array: &ArrayRef) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::Float64 => Some(Arc::clone(array)),
        DataType::Float32 => widened::<Float32Type>(array, f64::from),
        DataType::Float16 => widened::<Float16Type>(array, f64::from),
        DataType::Int8 => widened::<Int8Type>(array, f64::from),
        DataType::Int16 => widened::<Int16Type>(array, f64::from),
        DataType::Int32 => widened::<Int32Type>(array, f64::from),
        DataType::Int64 => widened::<Int64Type>(array, |value| value as f64),
        DataType::UInt8 => widened::<UInt8Type>(array, f64::from),
        DataType::UInt16 => widened::<UInt16Type>(array, f64::from),
        DataType::UInt32 => widened::<UInt32Type>(array, f64::from),
        DataType::UInt64 => widened::<UInt64Type>(array, |value| value as f64),
        DataType::Decimal32(precision, scale) => decimals::<Decimal32Type>(array, *precision, *scale),
        DataType::Decimal64(precision, scale) => decimals::<Decimal64Type>(array, *precision, *scale),
        DataType::Decimal128(precision, scale) => decimals::<Decimal128Type>(array, *precision, *scale),
        DataType::Decimal256(precision, scale) => decimals::<Decimal256Type>(array, *precision, *scale),
        DataType::Boolean => {
            let truths = array.as_boolean_opt()?.iter();
            Some(Arc::new(
                truths.map(|truth| truth.map(|t| f64::from(u8::from(t)))).collect::<Float64Array>(),
            ))
        }
        DataType::Null => Some(new_null_array(&DataType::Float64, array.len())),
        _ => None,
    }
}

fn widened<T: ArrowPrimitiveType>(array: &ArrayRef, wide: impl Fn(T::Native) -> f64) -> Option<ArrayRef> {
    Some(Arc::new(array.as_primitive_opt::<T>()?.unary::<_, Float64Type>(wide)))
}

/// The nearest `f64` of each decimal, as a cell of CSV with its digits is read.
fn decimals<T: DecimalType>(array: &ArrayRef, precision: u8, scale: i8) -> Option<ArrayRef> {
    let nearest = |value| fast_float2::parse(T::format_decimal(value, precision, scale)).unwrap_or(f64::NAN);
    widened::<T>(array, nearest)
}

/// The ticks of instants and durations, and what one tick counts.
fn ticks(array: &ArrayRef) -> Option<(Vec<i64>, Tick)> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Vec<i64>>
    where
        T::Native: Into<i64>,
    {
        Some(array.as_primitive_opt::<T>()?.values().iter().map(|&tick| tick.into()).collect())
    }
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let ticks = match array.data_type() {
        DataType::Date32 => (of::<Date32Type>(array)?, Tick::Day),
        DataType::Date64 => (of::<Date64Type>(array)?, Tick::PerSecond(1_000)),
        DataType::Timestamp(Second, _) => (of::<TimestampSecondType>(array)?, Tick::PerSecond(1)),
        DataType::Timestamp(Millisecond, _) => {
            (of::<TimestampMillisecondType>(array)?, Tick::PerSecond(1_000))
        }
        DataType::Timestamp(Microsecond, _) => {
            (of::<TimestampMicrosecondType>(array)?, Tick::PerSecond(1_000_000))
        }
        DataType::Timestamp(Nanosecond, _) => {
            (of::<TimestampNanosecondType>(array)?, Tick::PerSecond(1_000_000_000))
        }
        DataType::Duration(Second) => (of::<DurationSecondType>(array)?, Tick::PerSecond(1)),
        DataType::Duration(Millisecond) => (of::<DurationMillisecondType>(array)?, Tick::PerSecond(1_000)),
        DataType::Duration(Microsecond) => {
            (of::<DurationMicrosecondType>(array)?, Tick::PerSecond(1_000_000))
        }
        DataType::Duration(Nanosecond) => {
            (of::<DurationNanosecondType>(array)?, Tick::PerSecond(1_000_000_000))
        }
        DataType::Time32(Second) => (of::<Time32SecondType>(array)?, Tick::PerSecond(1)),
        DataType::Time32(Millisecond) => (of::<Time32MillisecondType>(array)?, Tick::PerSecond(1_000)),
        DataType::Time64(Microsecond) => (of::<Time64MicrosecondType>(array)?, Tick::PerSecond(1_000_000)),
        DataType::Time64(Nanosecond) => (of::<Time64NanosecondType>(array)?, Tick::PerSecond(1_000_000_000)),
        _ => return None,
    };
    Some(ticks)
}

/// What one tick counts.
#[derive(Clone, Copy)]
enum Tick {
    Day,
    /// So many make a second.
    PerSecond(i64),
}

impl Tick {
    fn microseconds(self, tick: i64) -> Option<i64> {
        match self {
            Self::Day => tick.checked_mul(86_400_000_000),
            Self::PerSecond(n) if n <= 1_000_000 => tick.checked_mul(1_000_000 / n),
            Self::PerSecond(n) => Some(tick.div_euclid(n / 1_000_000)),
        }
    }

    fn timestamp(self, tick: i64) -> Option<Timestamp> {
        let (seconds, rest) = match self {
            Self::Day => (tick.checked_mul(86_400)?, 0),
            Self::PerSecond(n) => (tick.div_euclid(n), tick.rem_euclid(n) * (1_000_000_000 / n)),
        };
        Timestamp::from_duration(SignedDuration::new(seconds, i32::try_from(rest).ok()?)).ok()
    }
}

/// Instants as seconds since the epoch, to the microsecond; and the rows, with their ticks, that do not fit.
pub(crate) fn instants(array: &ArrayRef) -> Option<(ArrayRef, Vec<(usize, i64)>)> {
    let (ticks, of) = ticks(array)?;
    let over = |(row, tick): (usize, &i64)| {
        (array.is_valid(row) && of.microseconds(*tick).is_none()).then_some((row, *tick))
    };
    let over = ticks.iter().enumerate().filter_map(over).collect();
    let seconds: Vec<f64> =
        ticks.iter().map(|&tick| of.microseconds(tick).unwrap_or(0) as f64 / 1e6).collect();
    let seconds = Float64Array::try_new(seconds.into(), array.nulls().cloned()).ok()?;
    Some((Arc::new(seconds), over))
}

/// Durations and times of the day, in a unit of so many seconds.
pub(crate) fn durations(array: &ArrayRef, unit: f64) -> Option<ArrayRef> {
    let (ticks, of) = ticks(array)?;
    let Tick::PerSecond(n) = of else { return None };
    let size = n as f64 * unit;
    let lengths: Vec<f64> = ticks.iter().map(|&tick| tick as f64 / size).collect();
    Some(Arc::new(Float64Array::try_new(lengths.into(), array.nulls().cloned()).ok()?))
}

/// Writes the values of a column as text, row by row.
///
/// A number has the spelling of [`push_number`], an instant is ISO 8601 (with `Z` where the column has a zone), a
/// time of the day is `08:55:58.25`, a duration is its seconds.
pub(crate) struct Written<'a> {
    array: &'a ArrayRef,
    /// Instants and durations.
    ticks: Option<(Vec<i64>, Tick)>,
}

impl<'a> Written<'a> {
    /// `None` for a type of another [`Meaning`].
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        Meaning::of(array.data_type())?;
        Some(Self { array, ticks: ticks(array) })
    }

    /// Appends the value of a row that is not null; `None` where it cannot be written.
    pub(crate) fn push(&self, row: usize, out: &mut String) -> Option<()> {
        if let Some((ticks, of)) = &self.ticks {
            return self.push_time(*ticks.get(row)?, *of, out);
        }
        let array = self.array;
        match array.data_type() {
            DataType::Int8 => whole::<Int8Type>(array, row, out),
            DataType::Int16 => whole::<Int16Type>(array, row, out),
            DataType::Int32 => whole::<Int32Type>(array, row, out),
            DataType::Int64 => whole::<Int64Type>(array, row, out),
            DataType::UInt8 => whole::<UInt8Type>(array, row, out),
            DataType::UInt16 => whole::<UInt16Type>(array, row, out),
            DataType::UInt32 => whole::<UInt32Type>(array, row, out),
            DataType::UInt64 => whole::<UInt64Type>(array, row, out),
            DataType::Float16 => {
                let value = array.as_primitive_opt::<Float16Type>()?.value(row);
                push_decimal(out, &f32::from(value).to_string());
                Some(())
            }
            // The shortest text of this number among the 32-bit floats: 0.1, as other programs write it.
            DataType::Float32 => {
                push_decimal(out, &array.as_primitive_opt::<Float32Type>()?.value(row).to_string());
                Some(())
            }
            DataType::Float64 => {
                push_number(out, array.as_primitive_opt::<Float64Type>()?.value(row));
                Some(())
            }
            DataType::Boolean => {
                out.push(if array.as_boolean_opt()?.value(row) { '1' } else { '0' });
                Some(())
            }
            DataType::Decimal32(p, s) => decimal::<Decimal32Type>(array, *p, *s, row, out),
            DataType::Decimal64(p, s) => decimal::<Decimal64Type>(array, *p, *s, row, out),
            DataType::Decimal128(p, s) => decimal::<Decimal128Type>(array, *p, *s, row, out),
            DataType::Decimal256(p, s) => decimal::<Decimal256Type>(array, *p, *s, row, out),
            _ => None,
        }
    }

    fn push_time(&self, tick: i64, of: Tick, out: &mut String) -> Option<()> {
        let civil = || Some(of.timestamp(tick)?.to_zoned(jiff::tz::TimeZone::UTC).datetime());
        match self.array.data_type() {
            DataType::Timestamp(_, Some(_)) => write!(out, "{}", of.timestamp(tick)?),
            DataType::Timestamp(_, None) => write!(out, "{}", civil()?),
            DataType::Time32(_) | DataType::Time64(_) => {
                // 24:00:00 is a time of the day for Arrow.
                let time: DateTime = civil()?;
                (time.date() == civil::date(1970, 1, 1)).then_some(())?;
                write!(out, "{}", time.time())
            }
            DataType::Duration(_) => {
                let Tick::PerSecond(n) = of else { return None };
                push_number(out, tick as f64 / n as f64);
                Ok(())
            }
            _ => {
                let at = civil()?;
                if at.time() == civil::Time::midnight() {
                    write!(out, "{}", at.date())
                } else {
                    write!(out, "{at}")
                }
            }
        }
        .ok()
    }
}

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize, out: &mut String) -> Option<()>
where
    T::Native: std::fmt::Display,
{
    write!(out, "{}", array.as_primitive_opt::<T>()?.value(row)).ok()
}

fn decimal<T: DecimalType>(
    array: &ArrayRef,
    precision: u8,
    scale: i8,
    row: usize,
    out: &mut String,
) -> Option<()> {
    let value = array.as_primitive_opt::<T>()?.value(row);
    push_decimal(out, &T::format_decimal(value, precision, scale));
    Some(())
}
