//! Which rows each round of cross-fitting leaves out, and as what.

use ndarray::{ArrayView2, Axis};

use crate::detect::gaussian_mixture::clusters;
use crate::error::Result;
use crate::folds::LeftOut;
use crate::nn::inputs::Inputs;
use crate::rng::Stream;

/// What a row is to the experts that score it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A clean row of a kind that they were fitted on.
    Clean,
    /// A clean row of a kind that they were not fitted on, as traffic that has drifted.
    Drifted,
    /// An attack of a kind that they were fitted on.
    Known,
    /// An attack of a kind that they were not fitted on.
    Novel,
}

impl Role {
    pub(super) fn is_attack(self) -> bool {
        matches!(self, Self::Known | Self::Novel)
    }
}

/// A row that is left out in one fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) row: usize,
    pub(super) fold: usize,
    pub(super) role: Role,
    /// Its kind among the clean rows, or among the attacks.
    pub(super) kind: usize,
}

impl Left {
    /// The row and the fold alone.
    pub(super) fn left_out(&self) -> LeftOut {
        LeftOut { row: self.row, fold: self.fold }
    }
}

/// How clean rows, or attacks, are dealt.
pub(super) struct Side {
    known: Role,
    novel: Role,
    /// Of so many rows of a kind, one is left out in another fold too, where its kind is known.
    step: usize,
    stream: u64,
}

/// Calibrations stand on clean rows whose kind is known, so these are more.
pub(super) const CLEAN: Side = Side { known: Role::Clean, novel: Role::Drifted, step: 3, stream: 0 };
pub(super) const ATTACKS: Side = Side { known: Role::Known, novel: Role::Novel, step: 5, stream: 1 << 32 };

/// Deals the rows of one side into `folds` parts: `kinds[row]` is the kind of a row, `None` for one of the other side.
///
/// Each kind goes into one fold as a whole, the largest first and into the fold with the fewest rows so far, and one
/// of [`Side::step`] of its rows into the other folds as well. The rows of a single kind, without which nothing could
/// be learnt, are dealt at random and evenly.
pub(super) fn deal(kinds: &[Option<usize>], side: &Side, folds: usize, seed: u64) -> Vec<Left> {
    let mut by_kind: Vec<Vec<usize>> = Vec::new();
    for (row, kind) in kinds.iter().enumerate() {
        if let Some(kind) = *kind {
            by_kind.resize_with(by_kind.len().max(kind + 1), Vec::new);
            by_kind[kind].push(row);
        }
    }
    let single = by_kind.iter().filter(|rows| !rows.is_empty()).count() == 1;
    let mut order: Vec<usize> = (0..by_kind.len()).collect();
    order.sort_by_key(|&kind| std::cmp::Reverse(by_kind[kind].len()));
    let (mut left, mut load) = (Vec::new(), vec![0; folds]);
    for kind in order {
        let rows = &mut by_kind[kind];
        Stream::new(seed, side.stream + kind as u64).shuffle(rows);
        if single {
            let known = |(i, &row): (usize, &usize)| Left { row, fold: i % folds, role: side.known, kind };
            left.extend(rows.iter().enumerate().map(known));
            continue;
        }
        let own = (0..folds).min_by_key(|&fold| load[fold]).unwrap_or_default();
        load[own] += rows.len();
        left.extend(rows.iter().map(|&row| Left { row, fold: own, role: side.novel, kind }));
        let again = rows.iter().take(rows.len() / side.step).enumerate();
        left.extend(again.map(|(i, &row)| {
            let fold = (own + 1 + i % (folds - 1)) % folds;
            Left { row, fold, role: side.known, kind }
        }));
    }
    left
}

/// Kinds of the rows for which `asked` says so, by their scaled features: `k` clusters by k-means.
pub(super) fn kinds_by_features(
    x: ArrayView2<'_, f32>,
    asked: impl Fn(usize) -> bool,
    k: usize,
    seed: u64,
) -> Result<Vec<Option<usize>>> {
    let rows: Vec<usize> = (0..x.nrows()).filter(|&row| asked(row)).collect();
    let encoded = Inputs::fit(&x, None)?.encode(&x.select(Axis(0), &rows).view());
    let values: Vec<f64> = encoded.numbers.into_iter().map(f64::from).collect();
    let nearest = clusters(&values, x.ncols(), k, seed);
    let mut kinds = vec![None; x.nrows()];
    for (row, kind) in rows.into_iter().zip(nearest) {
        kinds[row] = Some(kind);
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stay_together_and_a_share_of_each_is_known_elsewhere() {
        // Kinds of 50, 20 and 10 rows among 100 of the other side.
        let kinds: Vec<Option<usize>> = (0..180)
            .map(|row| match row {
                0..100 => None,
                100..150 => Some(0),
                150..170 => Some(1),
                _ => Some(2),
            })
            .collect();
        for (side, known) in [(&ATTACKS, [4 + 2, 10]), (&CLEAN, [6 + 3, 16])] {
            let left = deal(&kinds, side, 2, 7);
            assert_eq!(left, deal(&kinds, side, 2, 7));
            let count = |role, fold| left.iter().filter(|l| l.role == role && l.fold == fold).count();
            // The kind of 50 alone, the two others together.
            assert_eq!([count(side.novel, 0), count(side.novel, 1)], [50, 30]);
            assert_eq!([count(side.known, 0), count(side.known, 1)], known);
            for l in &left {
                assert_eq!(kinds[l.row], Some(l.kind));
                let novel_here =
                    |other: &Left| other.role == side.novel && other.kind == l.kind && other.fold == l.fold;
                assert!(l.role != side.known || !left.iter().any(novel_here));
            }
        }
    }

    #[test]
    fn a_single_kind_is_dealt_at_random() {
        let kinds: Vec<Option<usize>> = (0..40).map(|row| (row % 2 == 0).then_some(3)).collect();
        let left = deal(&kinds, &ATTACKS, 4, 0);
        assert_eq!(left.len(), 20);
        assert!(left.iter().all(|l| l.role == Role::Known && l.kind == 3));
        assert!((0..4).all(|fold| left.iter().filter(|l| l.fold == fold).count() == 5));
    }
}
