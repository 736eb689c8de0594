//! Which records of which device are anomalous.

use super::config::DeviceAnomaly;
use crate::rng::Stream;

/// Number of records of an event. The last event may have up to 21 records, or fewer than 6 if these are all.
const MIN_BURST: usize = 6;
const MAX_BURST: usize = 16;

/// Consecutive anomalous records of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) kind: DeviceAnomaly,
    pub(super) device: usize,
    /// Number of the first record of the device.
    pub(super) first: usize,
    pub(super) records: usize,
}

/// Bursts with `anomalous` records in total, on `devices` with `per_device` records each, at least 60. At most half of the
/// records are anomalous, so there is always a device with room for another burst.
pub(super) fn bursts(
    rng: &mut Stream,
    kinds: &[DeviceAnomaly],
    devices: usize,
    per_device: usize,
    anomalous: usize,
) -> Vec<Burst> {
    let mut by_device: Vec<Vec<(DeviceAnomaly, usize)>> = vec![Vec::new(); devices];
    let mut free = vec![per_device; devices];
    let mut turn: Vec<usize> = (0..devices).collect();
    rng.shuffle(&mut turn);
    let (mut left, mut kinds) = (anomalous, kinds.iter().copied().cycle());
    let mut turn = turn.into_iter().cycle();
    while left > 0 {
        let size = rng.count(MIN_BURST as u64, MAX_BURST as u64) as usize;
        let size = if left < size + MIN_BURST { left.min(MAX_BURST + MIN_BURST - 1) } else { size };
        let next = turn.by_ref().take(devices).find(|&device| free[device] >= size);
        let Some((device, kind)) = next.zip(kinds.next()) else { break };
        free[device] -= size;
        by_device[device].push((kind, size));
        left -= size;
    }
    let mut all = Vec::new();
    for (device, (own, free)) in by_device.into_iter().zip(free).enumerate() {
        // Random numbers of normal records before each burst.
        let mut gaps: Vec<usize> = own.iter().map(|_| rng.below(free + 1)).collect();
        gaps.sort_unstable();
        let mut before = 0;
        for ((kind, records), gap) in own.into_iter().zip(gaps) {
            all.push(Burst { kind, device, first: gap + before, records });
            before += records;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_have_the_asked_total_and_never_overlap() {
        for (devices, per_device, anomalous) in
            [(1, 60, 30), (1, 60, 1), (7, 100, 350), (20, 600, 600), (3, 61, 91), (100, 60, 5)]
        {
            for seed in 0..20 {
                let mut rng = Stream::new(seed, 0);
                let all = bursts(&mut rng, &DeviceAnomaly::ALL, devices, per_device, anomalous);
                assert_eq!(all.iter().map(|burst| burst.records).sum::<usize>(), anomalous);
                for (i, a) in all.iter().enumerate() {
                    assert!(a.device < devices && a.first + a.records <= per_device);
                    assert!(a.records <= 21 && (a.records >= 6 || anomalous < 6));
                    let apart = |b: &&Burst| a.device != b.device || a.first + a.records <= b.first;
                    assert!(all[i + 1..].iter().all(|b| apart(&b)));
                }
            }
        }
    }
}
