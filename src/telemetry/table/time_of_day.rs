//! Dates whose time of day is in another column.

use std::sync::Arc;

use crate::arrow::array::{ArrayRef, AsArray, Float64Array};
use crate::arrow::datatypes::Float64Type;

/// Adds the times of day to the dates; `dates` holds the positions of each date and of its time of day.
///
/// A row without a time of day has no time.
pub(crate) fn add(columns: &mut [ArrayRef], dates: &[(usize, usize)]) {
    change(columns, dates, |date, of_day| date + of_day);
}

/// Takes the times of day from the times, which leaves the dates.
pub(crate) fn subtract(columns: &mut [ArrayRef], dates: &[(usize, usize)]) {
    change(columns, dates, |time, of_day| time - of_day);
}

fn change(columns: &mut [ArrayRef], dates: &[(usize, usize)], of: impl Fn(f64, f64) -> f64) {
    for &(date, of_day) in dates {
        let numbers = |i: usize| columns.get(i).and_then(|array| array.as_primitive_opt::<Float64Type>());
        let Some((dates, times)) = numbers(date).zip(numbers(of_day)) else { continue };
        let both = dates.iter().zip(times).map(|(date, time)| Some(of(date?, time?)));
        let joined: ArrayRef = Arc::new(both.collect::<Float64Array>());
        if let Some(column) = columns.get_mut(date) {
            *column = joined;
        }
    }
}
