//! Many rows through a game.

use ndarray::ArrayView2;

use super::kernel::Tile;
use super::lanes::{LANES, Lanes};
use super::tree_game::{Set, TreeGame};

/// Writes the Shapley values of each row, row after row.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled once for each kind of processor")]
pub(super) fn rows<L: Lanes, S: Set>(game: &TreeGame, sets: &[S], x: &ArrayView2<'_, f32>, out: &mut [f64]) {
    let mut tile = Tile::<L>::new(game);
    for (i, out) in out.chunks_mut(LANES * game.n_features).enumerate() {
        let n = out.len() / game.n_features;
        for lane in 0..n {
            for (column, &value) in tile.columns.iter_mut().zip(x.row(i * LANES + lane)) {
                column[lane] = value;
            }
        }
        tile.contributions.fill([0.0; LANES]);
        tile.add(game, sets);
        for (lane, out) in out.chunks_mut(game.n_features).enumerate() {
            for (out, contribution) in out.iter_mut().zip(&tile.contributions) {
                *out = contribution[lane];
            }
        }
    }
}
