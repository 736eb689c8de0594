//! What a gate learns from: rows drawn so that each kind of them counts as it should.

use super::config::MixtureOfExpertsConfig;
use super::deal::{Left, Role};

/// A row of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    /// Where it stands among the rows that were left out.
    pub(super) of: usize,
    /// A clean row whose scores stand for those of the supervised experts, to whom the attack shows nothing.
    pub(super) blind: Option<usize>,
}

/// Draws as many attacks as clean rows: the more numerous side once, the other again and again.
///
/// The clean rows are those of [`draw_clean`]. Of the attacks, `blind_share` are blind, and `novel_share` of the
/// others novel; a kind of `n` rows counts in proportion to `√n`. `part` says where the rows that may be drawn stand
/// in `left`. Nothing is random here: `left` is shuffled already.
pub(super) fn draw(config: &MixtureOfExpertsConfig, left: &[Left], part: &[usize]) -> Vec<Lesson> {
    let [known, novel] = [Role::Known, Role::Novel].map(|role| of_role(left, part, role));
    let clean = draw_clean(config, left, part);
    if clean.is_empty() || known.is_empty() && novel.is_empty() {
        return Vec::new();
    }
    let attacks = if novel.is_empty() { known.len() } else { novel.len() };
    let side = clean.len().max(attacks);
    let mut lessons: Vec<Lesson> =
        clean.iter().cycle().take(side).map(|&of| Lesson { of, blind: None }).collect();
    let novel_share = match (known.is_empty(), novel.is_empty()) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => config.novel_share,
    };
    let seeing = side as f64 * (1.0 - config.blind_share);
    for (rows, share) in [(&novel, novel_share), (&known, 1.0 - novel_share)] {
        let drawn = spread(left, rows, (seeing * share).round() as usize);
        lessons.extend(drawn.into_iter().map(|of| Lesson { of, blind: None }));
    }
    let any = if novel.is_empty() { &known } else { &novel };
    let blind = spread(left, any, (side as f64 * config.blind_share).round() as usize);
    let partners = clean.iter().cycle();
    lessons.extend(blind.into_iter().zip(partners).map(|(of, &clean)| Lesson { of, blind: Some(clean) }));
    lessons
}

/// Draws the clean rows: `novel_share` of them drifted, a kind of `n` rows in proportion to `√n`, and as many in all as
/// there are without running out of either.
pub(super) fn draw_clean(config: &MixtureOfExpertsConfig, left: &[Left], part: &[usize]) -> Vec<usize> {
    let [mut known, drifted] = [Role::Clean, Role::Drifted].map(|role| of_role(left, part, role));
    if known.is_empty() || drifted.is_empty() {
        return [known, drifted].concat();
    }
    let share = config.novel_share;
    let all = (known.len() as f64 / (1.0 - share)).min(drifted.len() as f64 / share);
    known.truncate((all * (1.0 - share)).round() as usize);
    known.extend(spread(left, &drifted, (all * share).round() as usize));
    known
}

fn of_role(left: &[Left], part: &[usize], role: Role) -> Vec<usize> {
    part.iter().copied().filter(|&i| left[i].role == role).collect()
}

/// About `n` of the rows, each kind in proportion to the square root of its size.
fn spread(left: &[Left], rows: &[usize], n: usize) -> Vec<usize> {
    let mut by_kind: Vec<Vec<usize>> = Vec::new();
    for &i in rows {
        let kind = left[i].kind;
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

    fn left() -> Vec<Left> {
        let one = |row, role, kind| Left { row, fold: 0, role, kind };
        let mut left: Vec<Left> = (0..40).map(|row| one(row, Role::Clean, 0)).collect();
        left.extend((40..56).map(|row| one(row, Role::Novel, 0)));
        left.extend((56..60).map(|row| one(row, Role::Novel, 1)));
        left.extend((40..44).map(|row| one(row, Role::Known, 0)));
        left
    }

    #[test]
    fn shares_are_as_asked() {
        let left = left();
        let part: Vec<usize> = (0..left.len()).collect();
        let config = MixtureOfExpertsConfig {
            novel_share: 0.6,
            blind_share: 0.25,
            ..MixtureOfExpertsConfig::default()
        };
        let lessons = draw(&config, &left, &part);
        let count = |want: &dyn Fn(&Lesson) -> bool| lessons.iter().filter(|l| want(l)).count();
        assert_eq!(count(&|l| left[l.of].role == Role::Clean), 40);
        // 30 that see: 18 novel, of which √16 : √4 = 2 : 1 are of the two kinds, and 12 known; and 10 blind.
        assert_eq!(count(&|l| left[l.of].role == Role::Novel && l.blind.is_none()), 18);
        assert_eq!(
            count(&|l| left[l.of].role == Role::Novel && l.blind.is_none() && left[l.of].kind == 1),
            6
        );
        assert_eq!(count(&|l| left[l.of].role == Role::Known), 12);
        assert_eq!(count(&|l| l.blind.is_some_and(|i| left[i].role == Role::Clean)), 10);
    }

    #[test]
    fn as_many_clean_rows_as_there_are_of_both() {
        let mut left = left();
        for (i, l) in left[20..40].iter_mut().enumerate() {
            l.role = Role::Drifted;
            l.kind = usize::from(i < 16);
        }
        let part: Vec<usize> = (0..left.len()).collect();
        let drawn = |novel_share| {
            let config = MixtureOfExpertsConfig { novel_share, ..MixtureOfExpertsConfig::default() };
            let rows = draw_clean(&config, &left, &part);
            let of =
                |role, kind| rows.iter().filter(|&&i| left[i].role == role && left[i].kind == kind).count();
            [of(Role::Clean, 0), of(Role::Drifted, 0), of(Role::Drifted, 1)]
        };
        // Drifted rows are of two kinds, 4 and 16 rows, which count as 1 : 2.
        assert_eq!(drawn(0.5), [20, 7, 13]);
        assert_eq!(drawn(0.75), [7, 7, 13]);
        assert_eq!(drawn(0.0), [20, 0, 0]);
        assert_eq!(drawn(1.0), [0, 7, 13]);
    }

    #[test]
    fn without_novel_rows_the_known_ones_stand_for_all() {
        let left = left();
        let part: Vec<usize> = (0..left.len()).filter(|&i| left[i].role != Role::Novel).collect();
        let lessons = draw(&MixtureOfExpertsConfig::default(), &left, &part);
        assert_eq!(lessons.iter().filter(|l| left[l.of].role == Role::Known).count(), 40);
        assert!(draw(&MixtureOfExpertsConfig::default(), &left, &part[..40]).is_empty());
    }
}
