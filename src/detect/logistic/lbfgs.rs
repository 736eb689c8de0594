//! Limited-memory BFGS for smooth, convex functions.

use std::collections::VecDeque;

use crate::progress::{self, Progress, Unit};

/// Number of earlier steps that the method stores.
const MEMORY: usize = 10;

/// Evaluations along one direction, after which the search ends without a result.
const LINE_STEPS: usize = 50;

/// Share of the promised decrease that a step must keep.
const DECREASE: f64 = 1e-4;

/// Share of the slope that may be left after a step.
const CURVATURE: f64 = 0.9;

/// Where the search ended.
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    pub(super) iterations: usize,
    /// Whether no entry of the gradient is larger than the tolerance.
    pub(super) converged: bool,
}

/// A point with its value and gradient.
struct Place {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// A step, the change of the gradient along it, and the inverse of their product.
struct Step {
    moved: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Minimises `f`, which returns its value and writes its gradient.
///
/// # Source
///
/// J. Nocedal, S. J. Wright, *Numerical Optimization*, 2nd ed., algorithms 7.4 and 7.5; the step length is
/// found by bisection under the weak Wolfe conditions (A. S. Lewis, M. L. Overton, *Nonsmooth optimization
/// via quasi-Newton methods*, Math. Program. 141, 2013, algorithm 2.6).
pub(super) fn minimise(
    start: Vec<f64>,
    max_iterations: usize,
    tolerance: f64,
    f: impl Fn(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let evaluate = |point: Vec<f64>| {
        let mut gradient = vec![0.0; point.len()];
        let value = f(&point, &mut gradient);
        Place { point, value, gradient }
    };
    let mut here = evaluate(start);
    let mut memory: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    let mut iterations = 0;
    let flat = |place: &Place| place.gradient.iter().all(|g| g.abs() <= tolerance);
    while !flat(&here) && iterations < max_iterations {
        let progress = Progress::new("logistic_regression", Unit::Iterations, iterations, max_iterations);
        // The fit of a cancelled search returns an error.
        if progress::report(&progress).is_err() {
            break;
        }
        let direction = direction(&here.gradient, &memory);
        let Some(next) = search(&here, &direction, memory.is_empty(), &evaluate) else { break };
        iterations += 1;
        let moved: Vec<f64> = next.point.iter().zip(&here.point).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next.gradient.iter().zip(&here.gradient).map(|(a, b)| a - b).collect();
        let product = dot(&moved, &change);
        if product > f64::EPSILON * dot(&change, &change) {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Step { moved, change, inverse: 1.0 / product });
        }
        here = next;
    }
    let converged = flat(&here);
    Minimum { point: here.point, iterations, converged }
}

/// The negative gradient times the approximate inverse of the Hessian.
fn direction(gradient: &[f64], memory: &VecDeque<Step>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for past in memory.iter().rev() {
        let share = past.inverse * dot(&past.moved, &q);
        add(&mut q, -share, &past.change);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
        for q in &mut q {
            *q *= scale;
        }
    }
    for (past, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = past.inverse * dot(&past.change, &q);
        add(&mut q, share - back, &past.moved);
    }
    q
}

/// A point along `direction` that meets the weak Wolfe conditions; `None` where rounding hides any descent.
fn search(
    here: &Place,
    direction: &[f64],
    first: bool,
    evaluate: &impl Fn(Vec<f64>) -> Place,
) -> Option<Place> {
    let slope = dot(&here.gradient, direction);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut length = if first { 1.0 / dot(direction, direction).sqrt().max(1.0) } else { 1.0 };
    // Near the minimum the value changes by less than it can be computed.
    let noise = 1e-15 * here.value.abs();
    for _ in 0..LINE_STEPS {
        let mut point = here.point.clone();
        add(&mut point, length, direction);
        let next = evaluate(point);
        let enough = here.value + DECREASE * length * slope + noise;
        if next.value.is_nan() || next.value > enough {
            high = length;
        } else if dot(&next.gradient, direction) < CURVATURE * slope {
            low = length;
        } else {
            return Some(next);
        }
        length = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * length };
    }
    None
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `to += scale · from`.
fn add(to: &mut [f64], scale: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += scale * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `½ Σ a_j (x_j − j)²`: the minimum is known.
    fn bowl(curvatures: &[f64]) -> impl Fn(&[f64], &mut [f64]) -> f64 {
        move |x, gradient| {
            let mut value = 0.0;
            for (j, ((x, a), g)) in x.iter().zip(curvatures).zip(gradient).enumerate() {
                let off = x - j as f64;
                value += 0.5 * a * off * off;
                *g = a * off;
            }
            value
        }
    }

    #[test]
    fn an_uneven_bowl_is_descended() {
        let curvatures: Vec<f64> = (0..30).map(|j| 10.0_f64.powf(f64::from(j) / 10.0)).collect();
        let found = minimise(vec![0.0; 30], 500, 1e-10, bowl(&curvatures));
        assert!(found.converged);
        for (j, x) in found.point.iter().enumerate() {
            assert!((x - j as f64).abs() < 1e-9, "{j}: {x}");
        }
    }

    #[test]
    fn too_few_iterations_are_reported_as_not_converged() {
        let curvatures: Vec<f64> = (0..30).map(|j| 10.0_f64.powf(f64::from(j) / 10.0)).collect();
        let found = minimise(vec![0.0; 30], 3, 1e-10, bowl(&curvatures));
        assert!(!found.converged);
        assert_eq!(found.iterations, 3);
        let started_there = minimise(vec![0.0, 1.0], 0, 1e-10, bowl(&[1.0, 2.0]));
        assert!(started_there.converged);
    }
}
