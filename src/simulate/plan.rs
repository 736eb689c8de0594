//! Which flow starts when: the timetable of one chunk.

use super::attack::Episode;
use super::config::{Attack, FlowSimulatorConfig};
use super::network::Network;
use crate::rng::Stream;

/// Clean flows that a host starts per second, averaged over the day.
const CLEAN_RATE: f64 = 0.02;

/// One entry of the timetable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Seconds since the simulation began.
    pub(super) time: f64,
    /// Episode and number of the flow in it; `None` for a clean flow.
    pub(super) attack: Option<(usize, u32)>,
}

/// The flows of one chunk in the order of their start, and the episodes that they belong to.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) starts: Vec<Start>,
    pub(super) episodes: Vec<Episode>,
    /// When the next chunk begins.
    pub(super) end: f64,
}

/// Attack flows among the first `rows` flows: the asked share, to the nearest flow.
fn attacks_among(rows: u64, share: f64) -> u64 {
    (rows as f64 * share).round() as u64
}

/// Clean flows per second at `time` seconds: quiet at 03:00, busy at 15:00 UTC.
fn clean_rate(config: &FlowSimulatorConfig, time: f64) -> f64 {
    let hour = (config.start_time % 86_400) as f64 / 3_600.0 + time / 3_600.0;
    let day = 1.0 + 0.6 * ((hour - 9.0) / 24.0 * std::f64::consts::TAU).sin();
    f64::from(config.hosts) * CLEAN_RATE * day
}

impl Plan {
    /// Plans flows `from..to`, the first of which starts after `begin`.
    ///
    /// The number of attack flows is what is asked for, by construction: each chunk gets the
    /// difference of two rounded totals, shared out evenly over the attacks and then cut into episodes.
    pub(super) fn new(
        config: &FlowSimulatorConfig,
        rng: &mut Stream,
        from: u64,
        to: u64,
        begin: f64,
    ) -> Self {
        let attacks = attacks_among(from, config.attack_share)..attacks_among(to, config.attack_share);
        let clean = (to - from).saturating_sub(attacks.end - attacks.start);
        let mut starts = Vec::with_capacity((to - from) as usize);
        let mut time = begin;
        for _ in 0..clean {
            time += rng.exponential(1.0 / clean_rate(config, time));
            starts.push(Start { time, attack: None });
        }
        // A chunk of attacks alone still takes a while.
        let end = time.max(begin + 1.0);

        let mut episodes = Vec::new();
        let kinds = config.attacks.len() as u64;
        for (kind, &attack) in (0_u64..).zip(&config.attacks) {
            // Attack flow number j belongs to kind j mod kinds.
            let below = |total: u64| (total + kinds - 1 - kind) / kinds;
            let mut left = below(attacks.end) - below(attacks.start);
            while left > 0 {
                let flows = episode_size(rng, attack, left);
                left -= flows;
                let episode = Episode::new(rng, attack, Network { hosts: config.hosts });
                schedule(&mut starts, rng, &episode, episodes.len(), flows, begin, end);
                episodes.push(episode);
            }
        }
        starts.sort_by(|a, b| a.time.total_cmp(&b.time));
        Self { starts, episodes, end }
    }
}

/// Flows of the next episode out of the `left` ones; the last takes a rest that is too short for another.
fn episode_size(rng: &mut Stream, attack: Attack, left: u64) -> u64 {
    let (least, most) = Episode::size(attack);
    let size = rng.count(least, most).min(left);
    if left - size < least { left } else { size }
}

/// Places an episode's flows in `begin..=end`, faster than its pace where the chunk is too short for it.
fn schedule(
    starts: &mut Vec<Start>,
    rng: &mut Stream,
    episode: &Episode,
    index: usize,
    flows: u64,
    begin: f64,
    end: f64,
) {
    let first = starts.len();
    let mut time = 0.0;
    for ordinal in 0..flows as u32 {
        starts.push(Start { time, attack: Some((index, ordinal)) });
        time += episode.gap(rng);
    }
    let squeeze = (0.9 * (end - begin) / time.max(1e-9)).min(1.0);
    let offset = rng.between(begin, end - time * squeeze);
    for start in starts.iter_mut().skip(first) {
        start.time = offset + start.time * squeeze;
    }
}
