//! Which rows each round of cross-fitting leaves out, and as what.

use ndarray::{ArrayView2, Axis};

use crate::detect::gaussian_mixture::clusters;
use crate::detect::neural::inputs::Inputs;
use crate::error::Result;
use crate::rng::Stream;

/// Of so many attacks of a kind, one is scored by experts that know its kind too.
const KNOWN_STEP: usize = 5;
/// Random streams of the deal.
const CLEAN_STREAM: u64 = 0;
const KIND_STREAM: u64 = 1;

/// What a row is to the experts that score it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Clean,
    /// An attack of a kind that they were fitted on.
    Known,
    /// An attack of a kind that they were not fitted on.
    Novel,
}

/// A row that is left out in one fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) row: usize,
    pub(super) fold: usize,
    pub(super) role: Role,
    /// Its kind of attack; 0 for clean rows.
    pub(super) kind: usize,
}

/// Deals the rows into `folds` parts: `kinds[row]` is the kind of an attack, `None` for a clean row.
///
/// Clean rows are dealt at random and evenly. Each kind goes into one fold as a whole, the largest first and into the
/// fold with the fewest attacks so far, and a fifth of its rows into the other folds as well. The rows of a single
/// kind, without which nothing could be learnt, are dealt at random.
pub(super) fn deal(kinds: &[Option<usize>], folds: usize, seed: u64) -> Vec<Left> {
    let mut by_kind: Vec<Vec<usize>> = Vec::new();
    let mut clean = Vec::new();
    for (row, kind) in kinds.iter().enumerate() {
        match *kind {
            None => clean.push(row),
            Some(kind) => {
                by_kind.resize_with(by_kind.len().max(kind + 1), Vec::new);
                by_kind[kind].push(row);
            }
        }
    }
    let mut left = Vec::new();
    Stream::new(seed, CLEAN_STREAM).shuffle(&mut clean);
    left.extend(clean.into_iter().enumerate().map(|(i, row)| Left {
        row,
        fold: i % folds,
        role: Role::Clean,
        kind: 0,
    }));
    let single = by_kind.iter().filter(|rows| !rows.is_empty()).count() == 1;
    let mut order: Vec<usize> = (0..by_kind.len()).collect();
    order.sort_by_key(|&kind| std::cmp::Reverse(by_kind[kind].len()));
    let mut load = vec![0; folds];
    for kind in order {
        let rows = &mut by_kind[kind];
        Stream::new(seed, KIND_STREAM + kind as u64).shuffle(rows);
        if single {
            let known = |(i, &row): (usize, &usize)| Left { row, fold: i % folds, role: Role::Known, kind };
            left.extend(rows.iter().enumerate().map(known));
            continue;
        }
        let own = (0..folds).min_by_key(|&fold| load[fold]).unwrap_or_default();
        load[own] += rows.len();
        left.extend(rows.iter().map(|&row| Left { row, fold: own, role: Role::Novel, kind }));
        let again = rows.iter().take(rows.len() / KNOWN_STEP).enumerate();
        left.extend(again.map(|(i, &row)| {
            let fold = (own + 1 + i % (folds - 1)) % folds;
            Left { row, fold, role: Role::Known, kind }
        }));
    }
    left
}

/// Kinds of attacks by their scaled features: `k` clusters by k-means, `None` for clean rows.
pub(super) fn kinds_by_features(
    x: ArrayView2<'_, f32>,
    attacks: &[bool],
    k: usize,
    seed: u64,
) -> Result<Vec<Option<usize>>> {
    let rows: Vec<usize> = (0..attacks.len()).filter(|&row| attacks[row]).collect();
    let encoded = Inputs::fit(&x, None)?.encode(&x.select(Axis(0), &rows).view());
    let values: Vec<f64> = encoded.numbers.into_iter().map(f64::from).collect();
    let nearest = clusters(&values, x.ncols(), k, seed);
    let mut kinds = vec![None; attacks.len()];
    for (row, kind) in rows.into_iter().zip(nearest) {
        kinds[row] = Some(kind);
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stay_together_and_a_fifth_of_each_is_known_elsewhere() {
        // Kinds of 50, 20 and 10 rows among 100 clean ones.
        let kinds: Vec<Option<usize>> = (0..180)
            .map(|row| match row {
                0..100 => None,
                100..150 => Some(0),
                150..170 => Some(1),
                _ => Some(2),
            })
            .collect();
        let left = deal(&kinds, 2, 7);
        assert_eq!(left, deal(&kinds, 2, 7));
        let count = |role, fold| left.iter().filter(|l| l.role == role && l.fold == fold).count();
        assert_eq!([count(Role::Clean, 0), count(Role::Clean, 1)], [50, 50]);
        // The kind of 50 alone, the two others together.
        assert_eq!([count(Role::Novel, 0), count(Role::Novel, 1)], [50, 30]);
        assert_eq!([count(Role::Known, 0), count(Role::Known, 1)], [4 + 2, 10]);
        for l in &left {
            assert_eq!(kinds[l.row].is_some(), l.role != Role::Clean);
            let novel_here =
                |other: &Left| other.role == Role::Novel && other.kind == l.kind && other.fold == l.fold;
            assert!(l.role != Role::Known || !left.iter().any(novel_here));
        }
    }

    #[test]
    fn a_single_kind_is_dealt_at_random() {
        let kinds: Vec<Option<usize>> = (0..40).map(|row| (row % 2 == 0).then_some(3)).collect();
        let left = deal(&kinds, 4, 0);
        assert_eq!(left.len(), 40);
        assert!(left.iter().all(|l| l.role != Role::Novel));
        assert!((0..4).all(|fold| left.iter().filter(|l| l.fold == fold && l.kind == 3).count() == 5));
    }
}
