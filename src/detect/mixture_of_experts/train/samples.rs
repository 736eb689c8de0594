//! The training samples of a gate: rows drawn so that each kind has the intended weight.

use super::assign_folds::{HeldOutRow, Role};
use crate::detect::MixtureOfExpertsConfig;

/// One training sample of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateSample {
    /// Its index among the held-out rows.
    pub(crate) held_out: usize,
    /// A masked attack takes the scores of supervised experts from this clean row.
    pub(crate) masked_by: Option<usize>,
}

impl GateSample {
    /// The held-out row that an expert scores: a supervised expert scores a clean row in place of a masked attack.
    pub(super) fn shown(&self, supervised: bool) -> usize {
        self.masked_by.filter(|_| supervised).unwrap_or(self.held_out)
    }
}

/// Draws as many attacks as clean rows; rows of the smaller side are repeated.
///
/// The clean rows are the result of [`draw_clean`]. Of the attacks, `masked_fraction` are masked, and
/// `held_out_fraction` of the others are novel. A kind with `n` rows is drawn in proportion to `√n`. `part` lists the
/// indices in `held_out` that may be drawn. Nothing is random here, because `held_out` is shuffled.
pub(crate) fn draw(
    config: &MixtureOfExpertsConfig,
    held_out: &[HeldOutRow],
    part: &[usize],
) -> Vec<GateSample> {
    let [known, novel] = [Role::Known, Role::Novel].map(|role| of_role(held_out, part, role));
    let clean = draw_clean(config, held_out, part);
    if clean.is_empty() || known.is_empty() && novel.is_empty() {
        return Vec::new();
    }
    let attacks = if novel.is_empty() { known.len() } else { novel.len() };
    let side = clean.len().max(attacks);
    let unmasked = |held_out: usize| GateSample { held_out, masked_by: None };
    let mut samples: Vec<GateSample> = clean.iter().copied().cycle().take(side).map(unmasked).collect();
    let novel_fraction = match (known.is_empty(), novel.is_empty()) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => config.held_out_fraction,
    };
    let not_masked = side as f64 * (1.0 - config.masked_fraction);
    for (rows, fraction) in [(&novel, novel_fraction), (&known, 1.0 - novel_fraction)] {
        let drawn = spread(held_out, rows, (not_masked * fraction).round() as usize);
        samples.extend(drawn.into_iter().map(unmasked));
    }
    let any = if novel.is_empty() { &known } else { &novel };
    let masked = spread(held_out, any, (side as f64 * config.masked_fraction).round() as usize);
    let partners = clean.iter().cycle();
    samples.extend(
        masked
            .into_iter()
            .zip(partners)
            .map(|(held_out, &clean)| GateSample { held_out, masked_by: Some(clean) }),
    );
    samples
}

/// Draws clean rows: `held_out_fraction` of them drifted, a cluster of `n` rows in proportion to `√n`, and as many in
/// all as there are without repeating any.
pub(super) fn draw_clean(
    config: &MixtureOfExpertsConfig,
    held_out: &[HeldOutRow],
    part: &[usize],
) -> Vec<usize> {
    let [mut known, drifted] = [Role::Clean, Role::Drifted].map(|role| of_role(held_out, part, role));
    if known.is_empty() || drifted.is_empty() {
        return [known, drifted].concat();
    }
    let fraction = config.held_out_fraction;
    let all = (known.len() as f64 / (1.0 - fraction)).min(drifted.len() as f64 / fraction);
    known.truncate((all * (1.0 - fraction)).round() as usize);
    known.extend(spread(held_out, &drifted, (all * fraction).round() as usize));
    known
}

fn of_role(held_out: &[HeldOutRow], part: &[usize], role: Role) -> Vec<usize> {
    part.iter().copied().filter(|&i| held_out[i].role == role).collect()
}

/// About `n` of the rows, each kind in proportion to the square root of its size.
fn spread(held_out: &[HeldOutRow], rows: &[usize], n: usize) -> Vec<usize> {
    let mut by_kind: Vec<Vec<usize>> = Vec::new();
    for &i in rows {
        let kind = held_out[i].kind;
        by_kind.resize_with(by_kind.len().max(kind + 1), Vec::new);
        by_kind[kind].push(i);
    }
    let total: f64 = by_kind.iter().map(|rows| (rows.len() as f64).sqrt()).sum();
    let quota = |rows: &Vec<usize>| (n as f64 * (rows.len() as f64).sqrt() / total).round() as usize;
    by_kind.iter().flat_map(|rows| rows.iter().copied().cycle().take(quota(rows))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_out() -> Vec<HeldOutRow> {
        let one = |row, role, kind| HeldOutRow { row, fold: 0, role, kind };
        let mut held_out: Vec<HeldOutRow> = (0..40).map(|row| one(row, Role::Clean, 0)).collect();
        held_out.extend((40..56).map(|row| one(row, Role::Novel, 0)));
        held_out.extend((56..60).map(|row| one(row, Role::Novel, 1)));
        held_out.extend((40..44).map(|row| one(row, Role::Known, 0)));
        held_out
    }

    #[test]
    fn fractions_are_as_configured() {
        let held_out = held_out();
        let part: Vec<usize> = (0..held_out.len()).collect();
        let config = MixtureOfExpertsConfig {
            held_out_fraction: 0.6,
            masked_fraction: 0.25,
            ..MixtureOfExpertsConfig::default()
        };
        let samples = draw(&config, &held_out, &part);
        let count = |want: &dyn Fn(&GateSample) -> bool| samples.iter().filter(|l| want(l)).count();
        assert_eq!(count(&|l| held_out[l.held_out].role == Role::Clean), 40);
        // 30 that supervised experts score: 18 novel, of which √16 : √4 = 2 : 1 are of the two kinds, and 12 known; and 10 masked.
        assert_eq!(count(&|l| held_out[l.held_out].role == Role::Novel && l.masked_by.is_none()), 18);
        assert_eq!(
            count(&|l| held_out[l.held_out].role == Role::Novel
                && l.masked_by.is_none()
                && held_out[l.held_out].kind == 1),
            6
        );
        assert_eq!(count(&|l| held_out[l.held_out].role == Role::Known), 12);
        assert_eq!(count(&|l| l.masked_by.is_some_and(|i| held_out[i].role == Role::Clean)), 10);
    }

    #[test]
    fn as_many_clean_rows_as_there_are_of_both() {
        let mut held_out = held_out();
        for (i, l) in held_out[20..40].iter_mut().enumerate() {
            l.role = Role::Drifted;
            l.kind = usize::from(i < 16);
        }
        let part: Vec<usize> = (0..held_out.len()).collect();
        let drawn = |held_out_fraction| {
            let config = MixtureOfExpertsConfig { held_out_fraction, ..MixtureOfExpertsConfig::default() };
            let rows = draw_clean(&config, &held_out, &part);
            let of = |role, kind| {
                rows.iter().filter(|&&i| held_out[i].role == role && held_out[i].kind == kind).count()
            };
            [of(Role::Clean, 0), of(Role::Drifted, 0), of(Role::Drifted, 1)]
        };
        // Drifted rows are of two kinds, 4 and 16 rows, which count as 1 : 2.
        assert_eq!(drawn(0.5), [20, 7, 13]);
        assert_eq!(drawn(0.75), [7, 7, 13]);
        assert_eq!(drawn(0.0), [20, 0, 0]);
        assert_eq!(drawn(1.0), [0, 7, 13]);
    }

    #[test]
    fn without_novel_rows_the_known_ones_are_drawn_instead() {
        let held_out = held_out();
        let part: Vec<usize> = (0..held_out.len()).filter(|&i| held_out[i].role != Role::Novel).collect();
        let samples = draw(&MixtureOfExpertsConfig::default(), &held_out, &part);
        assert_eq!(samples.iter().filter(|l| held_out[l.held_out].role == Role::Known).count(), 40);
        assert!(draw(&MixtureOfExpertsConfig::default(), &held_out, &part[..40]).is_empty());
    }
}
