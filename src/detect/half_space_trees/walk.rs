//! From the root of every tree to a leaf, several at a time.

/// A cut: a row goes right when its feature is at least the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cut {
    pub(super) threshold: f32,
    pub(super) feature: u32,
}

/// Walks that run side by side, to hide the time that memory takes.
pub(super) const LANES: usize = 16;

/// Walks `N` lanes down `depth` levels and returns their leaves, counted from the left.
///
/// `cuts(lane)` are the cuts of the lane's tree and `value(lane, feature)` is what its row has there.
fn walk<'a, const N: usize>(
    depth: usize,
    cuts: impl Fn(usize) -> &'a [Cut],
    value: impl Fn(usize, usize) -> f32,
) -> [usize; N] {
    let mut at = [1; N];
    for _ in 0..depth {
        for (lane, at) in at.iter_mut().enumerate() {
            let cut = cuts(lane)[*at];
            *at = 2 * *at + usize::from(value(lane, cut.feature as usize) >= cut.threshold);
        }
    }
    at.map(|at| at - (1 << depth))
}

/// The leaves of [`LANES`] rows in one tree.
pub(super) fn rows(cuts: &[Cut], value: impl Fn(usize, usize) -> f32) -> [usize; LANES] {
    walk(cuts.len().ilog2() as usize, |_| cuts, value)
}

/// Calls `found(tree, leaf)` for one row and every tree, in order.
pub(super) fn trees(
    cuts: &[Cut],
    depth: usize,
    value: impl Fn(usize) -> f32,
    mut found: impl FnMut(usize, usize),
) {
    let width = 1 << depth;
    for (block, cuts) in cuts.chunks(LANES * width).enumerate() {
        let first = block * LANES;
        if cuts.len() == LANES * width {
            let leaves: [usize; LANES] =
                walk(depth, |lane| &cuts[lane * width..][..width], |_, feature| value(feature));
            leaves.into_iter().enumerate().for_each(|(lane, leaf)| found(first + lane, leaf));
        } else {
            for (tree, cuts) in cuts.chunks_exact(width).enumerate() {
                let [leaf] = walk(depth, |_| cuts, |_, feature| value(feature));
                found(first + tree, leaf);
            }
        }
    }
}
