//! Normal noise, of training and of the draws that a score is the mean of.

use super::AutoencoderConfig;
use crate::rng::Stream;

/// The random stream of the draws that a score is the mean of.
const SAMPLE_STREAM: u64 = u64::MAX - 1;

/// `n` normal numbers, two from each draw of 64 bits (Box and Muller).
pub(super) fn noise(deviation: f32, n: usize, random: &mut Stream) -> Vec<f32> {
    const UNIT: f32 = 1.0 / (1_u32 << 24) as f32;
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        let bits = random.bits();
        // 24 bits each, in (0, 1] and [0, 1).
        let (u, v) = (((bits >> 40) + 1) as f32 * UNIT, ((bits >> 8) & 0xff_ffff) as f32 * UNIT);
        let radius = deviation * (-2.0 * u.ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * v).sin_cos();
        values.extend([radius * cos, radius * sin]);
    }
    values.truncate(n);
    values
}

/// The points of the standard normal distribution at which every row's code is taken; none without Monte Carlo.
pub(super) fn draws(config: &AutoencoderConfig) -> Vec<Vec<f32>> {
    let samples = config.variational.as_ref().map_or(0, |variational| variational.samples);
    let mut random = Stream::new(config.seed, SAMPLE_STREAM);
    (0..samples).map(|_| noise(1.0, config.latent, &mut random)).collect()
}
