//! Where a node cuts its rows.

use super::config::IsolationSplits;
use super::gain::{best_cut, standard_deviation};
use super::plane;
use super::training_data::TrainingData;
use crate::detect::tree::Categories;
use crate::rng::Stream;

/// What sends a row left, while a tree grows.
pub(super) enum Rule {
    AtMost { feature: usize, threshold: f32 },
    OneOf { feature: usize, set: Categories },
    Plane { terms: Vec<(u32, f32)>, offset: f64 },
}

impl Rule {
    /// Whether a row goes left; `None` where it has no value.
    pub(super) fn goes_left(&self, row: impl Fn(usize) -> f32) -> Option<bool> {
        match self {
            Self::AtMost { feature, threshold } => {
                let value = row(*feature);
                (!value.is_nan()).then_some(value <= *threshold)
            }
            Self::OneOf { feature, set } => {
                let value = row(*feature);
                (!value.is_nan()).then(|| set.contains(value))
            }
            Self::Plane { terms, offset } => Some(plane::dot(terms.iter().copied(), row) <= *offset),
        }
    }
}

/// A rule, and the part of the node's volume on its left.
pub(super) struct Cut {
    pub(super) rule: Rule,
    pub(super) left_share: f64,
}

/// Draws the cuts of one tree.
pub(super) struct Cutter<'s, 'x> {
    data: &'s TrainingData<'x>,
    /// All features, in an order that changes; see [`Cutter::feature`].
    features: Vec<usize>,
}

/// What is cut: a feature or a plane, with the least and the greatest value that it has.
enum Line {
    Feature { feature: usize, min: f32, max: f32 },
    Plane { terms: Vec<(u32, f32)> },
}

impl<'s, 'x> Cutter<'s, 'x> {
    pub(super) fn new(data: &'s TrainingData<'x>) -> Self {
        Self { data, features: (0..data.x.ncols()).collect() }
    }

    /// A cut by the settings; `None` where all rows are equal.
    pub(super) fn cut(&mut self, rows: &[usize], active: &mut usize, rng: &mut Stream) -> Option<Cut> {
        match self.data.config.splits {
            IsolationSplits::PooledGain { tries, share, .. } if rng.uniform() < share => {
                let mut best: Option<(f64, Cut)> = None;
                for _ in 0..tries {
                    let line = self.line(rows, active, rng)?;
                    let (gain, cut) = self.gainful(line, rows, rng)?;
                    if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                        best = Some((gain, cut));
                    }
                }
                best.map(|(_, cut)| cut)
            }
            _ => {
                let line = self.line(rows, active, rng)?;
                self.random(line, rows, rng)
            }
        }
    }

    /// A random feature, or a random plane of features, that differ between `rows`.
    fn line(&mut self, rows: &[usize], active: &mut usize, rng: &mut Stream) -> Option<Line> {
        let k = self.data.config.splits.features();
        if k == 1 {
            let (feature, min, max) = self.feature(rows, 0, active, rng)?;
            return Some(Line::Feature { feature, min, max });
        }
        let mut terms = Vec::with_capacity(k);
        while let Some((feature, ..)) = self.feature(rows, terms.len(), active, rng) {
            // What was chosen moves to the front, so that it is not chosen again.
            let place = self.features[terms.len()..].iter().position(|&other| other == feature);
            self.features.swap(terms.len(), terms.len() + place.unwrap_or_default());
            let column = self.data.x.column(feature);
            let values: Vec<f64> = rows.iter().map(|&row| f64::from(column[row])).collect();
            let weight = rng.normal() / standard_deviation(&values);
            terms.push((feature as u32, if weight.is_finite() { weight } else { 0.0 }));
            if terms.len() == k {
                break;
            }
        }
        let first = terms.first()?.0;
        // A term of weight 0 changes no sum.
        terms.resize(k, (first, 0.0));
        Some(Line::Plane { terms: scaled(&terms) })
    }

    /// A random feature, from place `from` on, that differs between `rows`, with its least and its greatest
    /// value; `None` where none does.
    ///
    /// A feature found constant moves behind the `active` ones, and stays there for the whole subtree.
    fn feature(
        &mut self,
        rows: &[usize],
        from: usize,
        active: &mut usize,
        rng: &mut Stream,
    ) -> Option<(usize, f32, f32)> {
        while *active > from {
            let pick = from + rng.below(*active - from);
            let feature = self.features[pick];
            let column = self.data.x.column(feature);
            // The minimum and the maximum of a number and NaN are the number.
            let (min, max) = rows
                .iter()
                .fold((f32::NAN, f32::NAN), |(min, max), &row| (min.min(column[row]), max.max(column[row])));
            if min < max {
                return Some((feature, min, max));
            }
            *active -= 1;
            self.features.swap(pick, *active);
        }
        None
    }

    /// A cut at random.
    fn random(&self, line: Line, rows: &[usize], rng: &mut Stream) -> Option<Cut> {
        match line {
            Line::Feature { feature, .. } if self.data.n_categories[feature] > 0 => {
                Some(self.categories(feature, rows, rng))
            }
            Line::Feature { feature, min, max } => {
                let left_share = rng.uniform();
                let rule = Rule::AtMost { feature, threshold: between(min, max, left_share) };
                Some(Cut { rule, left_share })
            }
            Line::Plane { terms } => {
                let values = self.project(&terms, rows);
                let (min, max) = (*values.first()?, *values.last()?);
                let left_share = rng.uniform();
                let exact = min + left_share * (max - min);
                let offset = if exact < max { exact } else { max.next_down() };
                (min < max).then_some(Cut { rule: Rule::Plane { terms, offset }, left_share })
            }
        }
    }

    /// The cut with the greatest gain, and the gain; categories are cut at random, for a gain of 0.
    fn gainful(&self, line: Line, rows: &[usize], rng: &mut Stream) -> Option<(f64, Cut)> {
        match line {
            Line::Feature { feature, .. } if self.data.n_categories[feature] > 0 => {
                Some((0.0, self.categories(feature, rows, rng)))
            }
            Line::Feature { feature, min, max } => {
                let column = self.data.x.column(feature);
                let values = rows.iter().map(|&row| column[row]).filter(|value| !value.is_nan());
                let mut values: Vec<f64> = values.map(f64::from).collect();
                values.sort_unstable_by(f64::total_cmp);
                let (gain, at) = best_cut(&values)?;
                let threshold = between(values[at] as f32, values[at + 1] as f32, 0.5);
                let middle = f64::midpoint(values[at], values[at + 1]);
                let left_share = (middle - f64::from(min)) / (f64::from(max) - f64::from(min));
                Some((gain, Cut { rule: Rule::AtMost { feature, threshold }, left_share }))
            }
            Line::Plane { terms } => {
                let values = self.project(&terms, rows);
                let (min, max) = (*values.first()?, *values.last()?);
                let (gain, at) = best_cut(&values)?;
                let middle = f64::midpoint(values[at], values[at + 1]);
                let offset = if middle < values[at + 1] { middle } else { values[at] };
                let left_share = (middle - min) / (max - min);
                Some((gain, Cut { rule: Rule::Plane { terms, offset }, left_share }))
            }
        }
    }

    /// The rows' `Σ w_j x_j`, ascending.
    fn project(&self, terms: &[(u32, f32)], rows: &[usize]) -> Vec<f64> {
        let dot = |&row: &usize| plane::dot(terms.iter().copied(), |j| self.data.x[[row, j]]);
        let mut values: Vec<f64> = rows.iter().map(dot).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// A random part of the categories, with some of those in `rows` inside and some outside.
    fn categories(&self, feature: usize, rows: &[usize], rng: &mut Stream) -> Cut {
        let column = self.data.x.column(feature);
        let present: Vec<f32> = rows.iter().map(|&row| column[row]).filter(|value| !value.is_nan()).collect();
        let present_set = Categories::new(present.iter().map(|&value| value as u32));
        let count = present_set.iter().count();
        loop {
            let all = 0..self.data.n_categories[feature];
            let set = Categories::new(all.filter(|_| rng.bits() & 1 == 1));
            let left = present_set.iter().filter(|&category| set.contains(category as f32)).count();
            if 0 < left && left < count {
                let left_share = left as f64 / count as f64;
                return Cut { rule: Rule::OneOf { feature, set }, left_share };
            }
        }
    }
}

/// The same plane with its greatest weight between 1 and 2, so that every weight fits an f32. The scale is a
/// power of two and rounds nothing.
fn scaled(terms: &[(u32, f64)]) -> Vec<(u32, f32)> {
    let greatest = terms.iter().fold(0.0, |most: f64, term| most.max(term.1.abs()));
    let scale = (-greatest.log2().floor()).exp2();
    let scale = if scale.is_finite() { scale } else { 1.0 };
    terms.iter().map(|&(feature, weight)| (feature, (weight * scale) as f32)).collect()
}

/// The point `u`, in `[0, 1)`, of the way from `min` to `max`; at least `min`, below `max`.
fn between(min: f32, max: f32, u: f64) -> f32 {
    let exact = f64::from(min) + u * (f64::from(max) - f64::from(min));
    let rounded = exact as f32;
    // Rounding to f32 may reach max, and then no row would go right.
    if rounded < max { rounded } else { max.next_down() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_separates_even_neighbouring_numbers() {
        let next = 1.0_f32.next_up();
        for u in [0.0, 0.3, 0.5, 0.9, 1.0 - f64::EPSILON] {
            assert_eq!(between(1.0, next, u).to_bits(), 1.0_f32.to_bits());
            let wide = between(f32::MIN, f32::MAX, u);
            assert!((f32::MIN..f32::MAX).contains(&wide));
        }
        assert_eq!(between(2.0, 6.0, 0.25).to_bits(), 3.0_f32.to_bits());
    }
}
