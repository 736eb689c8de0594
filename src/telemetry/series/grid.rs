//! Assigns the rows of an entity to the steps of a grid.

use std::ops::Range;

use super::config::{Duplicates, Interval, SeriesConfig};
use super::report::{Gap, SeriesReport};
use super::stamps::Dated;
use crate::error::{Error, Result};

/// Tolerance for times on the grid, seconds: the rounding error of `f64`.
const ROUNDING_S: f64 = 1e-6;

/// The grid that all entities share: step `k` is at `origin + k * step`. The origin is the earliest time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) origin: f64,
    pub(super) step: f64,
}

/// The steps of one entity.
#[derive(Debug)]
pub(super) struct Steps {
    /// Time of each step.
    pub(super) times: Vec<f64>,
    /// The steps with rows, ascending, each with the range of its rows in the order of time.
    pub(super) filled: Vec<(usize, Range<usize>)>,
}

impl Steps {
    /// Whether each step has rows.
    pub(super) fn present(&self) -> Vec<bool> {
        let mut present = vec![false; self.times.len()];
        for (step, _) in &self.filled {
            if let Some(slot) = present.get_mut(*step) {
                *slot = true;
            }
        }
        present
    }

    /// One number per step, merged from the cells of its rows; NaN for a step without rows.
    pub(super) fn fill(&self, rows: &[Dated], cells: &[f64], merge: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut filled = vec![f64::NAN; self.times.len()];
        let mut own = Vec::new();
        for (step, range) in &self.filled {
            let rows = rows.get(range.clone()).unwrap_or_default();
            own.clear();
            own.extend(rows.iter().filter_map(|&(_, row)| cells.get(row)));
            if let Some(slot) = filled.get_mut(*step) {
                *slot = merge(&own);
            }
        }
        filled
    }
}

impl Grid {
    /// The grid of all entities, whose rows are in the order of time; `None` for [`Interval::Irregular`].
    pub(super) fn of(parts: &[(&str, Vec<Dated>)], interval: Interval) -> Result<Option<Self>> {
        let step = match interval {
            Interval::Seconds(step) => step,
            Interval::Infer => infer(parts)?,
            Interval::Irregular => return Ok(None),
        };
        let origin = parts
            .iter()
            .filter_map(|(_, rows)| rows.first())
            .map(|&(time, _)| time)
            .fold(f64::INFINITY, f64::min);
        Ok(Some(Self { origin, step }))
    }

    /// The nearest step to a time.
    fn nearest(&self, time: f64) -> f64 {
        ((time - self.origin) / self.step).round()
    }

    fn time(&self, k: f64) -> f64 {
        self.origin + k * self.step
    }
}

/// The lower median of the distances between successive different times. At least half of them must equal it.
fn infer(parts: &[(&str, Vec<Dated>)]) -> Result<f64> {
    let mut steps: Vec<f64> = parts
        .iter()
        .flat_map(|(_, rows)| rows.windows(2))
        .filter_map(|pair| match pair {
            [(before, _), (after, _)] if after > before => Some(after - before),
            _ => None,
        })
        .collect();
    let middle = steps.len().saturating_sub(1) / 2;
    if steps.is_empty() {
        let got = "no entity with two different times";
        return Err(Error::invalid("interval", "given in seconds, or irregular", got));
    }
    let (_, &mut median, _) = steps.select_nth_unstable_by(middle, f64::total_cmp);
    let same = steps.iter().filter(|&&step| (step - median).abs() <= ROUNDING_S).count();
    if 2 * same < steps.len() {
        let got = format!("{same} of {} distances that equal the median, {median} s", steps.len());
        return Err(Error::invalid(
            "interval",
            "given in seconds, or irregular, because fewer than half of the distances are equal",
            got,
        ));
    }
    Ok(median)
}

/// Assigns the rows of an entity, in the order of time, to the steps of the grid, or to one step per time without a grid.
/// Counts duplicates, gaps and times off the grid. `max_steps` is the maximum number of steps.
pub(super) fn place(
    rows: &[Dated],
    entity: &str,
    grid: Option<Grid>,
    config: &SeriesConfig,
    max_steps: usize,
    report: &mut SeriesReport,
) -> Result<Steps> {
    let too_many = |steps: f64| {
        let expected = format!("large enough for the {steps} steps of `{entity}` with all their values");
        Err(Error::invalid("max_cells", expected, config.max_cells))
    };
    let (Some(&(first, _)), Some(&(last, _))) = (rows.first(), rows.last()) else {
        return Ok(Steps { times: Vec::new(), filled: Vec::new() });
    };
    let (from, length) = match grid {
        Some(grid) => (grid.nearest(first), grid.nearest(last) - grid.nearest(first) + 1.0),
        None => (0.0, 0.0),
    };
    if length > max_steps as f64 {
        return too_many(length);
    }
    let mut times: Vec<f64> = match grid {
        Some(grid) => (0..length as usize).map(|k| grid.time(from + k as f64)).collect(),
        None => Vec::new(),
    };
    let mut filled: Vec<(usize, Range<usize>)> = Vec::new();
    for (i, &(time, row)) in rows.iter().enumerate() {
        let equal = i > 0 && rows.get(i - 1).is_some_and(|&(before, _)| before == time);
        let step = match grid {
            Some(grid) => {
                let off = (time - grid.time(grid.nearest(time))).abs();
                if off > ROUNDING_S {
                    report.off_grid += 1;
                    report.off_grid_max_s = report.off_grid_max_s.max(off);
                }
                (grid.nearest(time) - from) as usize
            }
            None if equal => times.len().saturating_sub(1),
            None => {
                times.push(time);
                times.len() - 1
            }
        };
        match filled.last_mut() {
            Some((taken, range)) if *taken == step => {
                if config.duplicates == Duplicates::Refuse {
                    return Err(duplicate(row, entity, time, equal, report));
                }
                *(if equal { &mut report.duplicates } else { &mut report.crowded }) += 1;
                range.end = i + 1;
            }
            _ => filled.push((step, i..i + 1)),
        }
    }
    if times.len() > max_steps {
        return too_many(times.len() as f64);
    }
    let mut next = 0;
    for &(step, _) in &filled {
        if let (true, Some(&start)) = (step > next, times.get(next)) {
            report.gaps.push(Gap { entity: entity.to_owned(), start, steps: (step - next) as u64 });
        }
        next = step + 1;
    }
    report.steps += times.len() as u64;
    Ok(Steps { times, filled })
}

/// The error for a second row on a step.
fn duplicate(row: usize, entity: &str, time: f64, equal: bool, report: &SeriesReport) -> Error {
    let what = if equal { "only once per entity" } else { "the only time on its step of the grid" };
    Error::BadRecord {
        place: report.read.place.clone(),
        line: row as u64 + 1,
        column: "time".into(),
        value: if entity.is_empty() {
            time.to_string()
        } else {
            format!("{time} of {entity}").chars().take(64).collect()
        },
        expected: format!("{what}; set `duplicates` to merge such rows"),
    }
}

/// The value of a step from the cells of its rows; there is at least one.
pub(super) fn merge(cells: &[f64], policy: Duplicates) -> f64 {
    let known = || cells.iter().filter(|cell| !cell.is_nan());
    let count = known().count();
    match policy {
        Duplicates::Last => cells.last().copied().unwrap_or(f64::NAN),
        Duplicates::Sum | Duplicates::Mean if count == 0 => f64::NAN,
        Duplicates::Sum => known().sum(),
        Duplicates::Mean => known().sum::<f64>() / count as f64,
        Duplicates::Refuse | Duplicates::First => cells.first().copied().unwrap_or(f64::NAN),
    }
}

/// The label of a step from the labels of its rows.
pub(super) fn merge_labels(cells: &[f64], policy: Duplicates) -> f64 {
    match policy {
        Duplicates::Sum | Duplicates::Mean => cells.iter().copied().fold(f64::NAN, f64::max),
        _ => merge(cells, policy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_means_ignore_cells_without_a_number() {
        let cells = [f64::NAN, 2.0, 4.0, f64::NAN];
        assert_eq!(merge(&cells, Duplicates::Sum), 6.0);
        assert_eq!(merge(&cells, Duplicates::Mean), 3.0);
        assert!(merge(&cells, Duplicates::First).is_nan());
        assert!(merge(&cells, Duplicates::Last).is_nan());
        assert_eq!(merge(&cells[1..3], Duplicates::First), 2.0);
        assert_eq!(merge(&cells[1..3], Duplicates::Last), 4.0);
        for policy in [Duplicates::Sum, Duplicates::Mean] {
            assert!(merge(&cells[..1], policy).is_nan());
            assert_eq!(merge_labels(&[0.0, 1.0, 0.0], policy), 1.0);
        }
        assert_eq!(merge_labels(&[0.0, 1.0], Duplicates::First), 0.0);
    }

    #[test]
    fn the_inferred_interval_is_the_median_if_half_of_the_distances_equal_it() {
        let rows = |times: &[f64]| vec![("", times.iter().map(|&time| (time, 0)).collect::<Vec<_>>())];
        assert_eq!(infer(&rows(&[0.0, 5.0, 10.0, 10.0, 25.0])).unwrap(), 5.0);
        for irregular in [&[0.0, 5.0, 11.0, 18.0, 26.0][..], &[3.0], &[], &[3.0, 3.0]] {
            let error = infer(&rows(irregular)).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
        }
    }
}
