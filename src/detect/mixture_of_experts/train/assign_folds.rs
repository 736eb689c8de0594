//! Which rows each round of cross-fitting holds out, and in which role.

use ndarray::{ArrayView2, Axis};

use crate::detect::gaussian_mixture::clusters;
use crate::error::Result;
use crate::folds::LeftOut;
use crate::nn::inputs::Inputs;
use crate::rng::Stream;

/// The role of a held-out row for the experts that score it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A clean row of a cluster that the experts were fitted on.
    Clean,
    /// A clean row of a cluster that the experts were not fitted on, as traffic that has drifted.
    Drifted,
    /// An attack of a kind that the experts were fitted on.
    Known,
    /// An attack of a kind that the experts were not fitted on.
    Novel,
}

impl Role {
    pub(super) fn is_attack(self) -> bool {
        matches!(self, Self::Known | Self::Novel)
    }
}

/// A row that one fold holds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldOutRow {
    pub(crate) row: usize,
    pub(crate) fold: usize,
    pub(crate) role: Role,
    /// Its cluster among the clean rows, or its kind among the attacks.
    pub(super) kind: usize,
}

impl HeldOutRow {
    /// The row and the fold alone.
    pub(super) fn left_out(&self) -> LeftOut {
        LeftOut { row: self.row, fold: self.fold }
    }
}

/// How clean rows, or attacks, are assigned to folds.
pub(super) struct Side {
    known: Role,
    novel: Role,
    /// One of so many rows of a kind is held out in another fold too, where its kind is known.
    step: usize,
    stream: u64,
}

/// Calibrations are fitted on clean rows of known clusters, so the step is smaller and there are more of them.
pub(super) const CLEAN: Side = Side { known: Role::Clean, novel: Role::Drifted, step: 3, stream: 0 };
pub(super) const ATTACKS: Side = Side { known: Role::Known, novel: Role::Novel, step: 5, stream: 1 << 32 };

/// Assigns the clean rows, or the attacks, to `folds` folds. `kinds[row]` is the kind of a row, `None` for a row of the
/// other side.
///
/// Each kind is held out by one fold as a whole: the largest kind first, in the fold with the fewest rows so far. One
/// of [`Side::step`] of its rows is held out by another fold as well. If there is one kind only, its rows are assigned
/// at random and evenly, because a fold without it could not be fitted.
pub(super) fn assign_folds(kinds: &[Option<usize>], side: &Side, folds: usize, seed: u64) -> Vec<HeldOutRow> {
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
    let (mut held_out, mut load) = (Vec::new(), vec![0; folds]);
    for kind in order {
        let rows = &mut by_kind[kind];
        Stream::new(seed, side.stream + kind as u64).shuffle(rows);
        if single {
            let known =
                |(i, &row): (usize, &usize)| HeldOutRow { row, fold: i % folds, role: side.known, kind };
            held_out.extend(rows.iter().enumerate().map(known));
            continue;
        }
        let own = (0..folds).min_by_key(|&fold| load[fold]).unwrap_or_default();
        load[own] += rows.len();
        held_out.extend(rows.iter().map(|&row| HeldOutRow { row, fold: own, role: side.novel, kind }));
        let again = rows.iter().take(rows.len() / side.step).enumerate();
        held_out.extend(again.map(|(i, &row)| {
            let fold = (own + 1 + i % (folds - 1)) % folds;
            HeldOutRow { row, fold, role: side.known, kind }
        }));
    }
    held_out
}

/// Clusters the rows for which `takes_part` is true by their scaled features, `k` clusters by k-means; `None` for all
/// other rows.
pub(crate) fn cluster_rows(
    x: ArrayView2<'_, f32>,
    takes_part: impl Fn(usize) -> bool,
    k: usize,
    seed: u64,
) -> Result<Vec<Option<usize>>> {
    let rows: Vec<usize> = (0..x.nrows()).filter(|&row| takes_part(row)).collect();
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
            let held_out = assign_folds(&kinds, side, 2, 7);
            assert_eq!(held_out, assign_folds(&kinds, side, 2, 7));
            let count = |role, fold| held_out.iter().filter(|l| l.role == role && l.fold == fold).count();
            // The kind of 50 alone, the two others together.
            assert_eq!([count(side.novel, 0), count(side.novel, 1)], [50, 30]);
            assert_eq!([count(side.known, 0), count(side.known, 1)], known);
            for l in &held_out {
                assert_eq!(kinds[l.row], Some(l.kind));
                let novel_here = |other: &HeldOutRow| {
                    other.role == side.novel && other.kind == l.kind && other.fold == l.fold
                };
                assert!(l.role != side.known || !held_out.iter().any(novel_here));
            }
        }
    }

    #[test]
    fn a_single_kind_is_dealt_at_random() {
        let kinds: Vec<Option<usize>> = (0..40).map(|row| (row % 2 == 0).then_some(3)).collect();
        let held_out = assign_folds(&kinds, &ATTACKS, 4, 0);
        assert_eq!(held_out.len(), 20);
        assert!(held_out.iter().all(|l| l.role == Role::Known && l.kind == 3));
        assert!((0..4).all(|fold| held_out.iter().filter(|l| l.fold == fold).count() == 5));
    }
}
