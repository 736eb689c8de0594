//! The schedule of a batch: which flow starts at which time.

use super::attack::Episode;
use super::config::{Attack, FlowSimulatorConfig};
use super::network::Network;
use crate::rng::Stream;

/// Clean flows that a host starts per second, averaged over the day.
const CLEAN_RATE: f64 = 0.02;

/// The start of one flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Seconds since the start of the simulation.
    pub(super) time: f64,
    /// The episode and the number of the flow in it; `None` for a clean flow.
    pub(super) attack: Option<(usize, u32)>,
}

/// The flows of one batch in the order of their start, and their episodes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) starts: Vec<Start>,
    pub(super) episodes: Vec<Episode>,
    /// Start of the next batch.
    pub(super) end: f64,
}

/// Number of attack flows among the first `rows` flows: the given share, to the nearest flow.
fn attacks_among(rows: u64, share: f64) -> u64 {
    (rows as f64 * share).round() as u64
}

/// Clean flows per second at `time` seconds: minimal at 03:00, maximal at 15:00 UTC.
fn clean_rate(config: &FlowSimulatorConfig, time: f64) -> f64 {
    let hour = (config.start_time % 86_400) as f64 / 3_600.0 + time / 3_600.0;
    let day = 1.0 + 0.6 * ((hour - 9.0) / 24.0 * std::f64::consts::TAU).sin();
    f64::from(config.hosts) * CLEAN_RATE * day
}

impl Plan {
    /// Plans the flows `from..to`, the first of which starts after `begin`.
    ///
    /// The number of attack flows is exact by construction: each batch gets the difference of two rounded totals, divided
    /// evenly among the attacks and then into episodes.
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
        // A batch without clean flows takes a second.
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

/// Number of flows of the next episode, of `left` flows. A rest that is too small for another episode is included.
fn episode_size(rng: &mut Stream, attack: Attack, left: u64) -> u64 {
    let (min, max) = Episode::size(attack);
    let size = rng.count(min, max).min(left);
    if left - size < min { left } else { size }
}

/// Schedules the flows of an episode in `begin..=end`. They follow faster if the batch is too short for the episode.
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
    let compression = (0.9 * (end - begin) / time.max(1e-9)).min(1.0);
    let offset = rng.between(begin, end - time * compression);
    for start in starts.iter_mut().skip(first) {
        start.time = offset + start.time * compression;
    }
}
