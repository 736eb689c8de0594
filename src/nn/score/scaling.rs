//! The scaled numbers of a row.

use ndarray::ArrayView1;

use crate::nn::inputs::{Inputs, LIMIT};
use crate::simd::wide;

/// Centre and scale of each number, laid out for wide registers. The bits are the same as in training.
#[derive(Clone, Debug)]
pub(crate) struct Scaling {
    features: Vec<usize>,
    centres: Vec<f32>,
    scales: Vec<f32>,
    /// Whether the numbers are all features in order.
    is_whole: bool,
}

impl Scaling {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let features: Vec<usize> = inputs.numbers.iter().map(|input| input.feature).collect();
        Self {
            is_whole: features.iter().copied().eq(0..inputs.n_features),
            features,
            centres: inputs.numbers.iter().map(|input| input.centre).collect(),
            scales: inputs.numbers.iter().map(|input| input.scale).collect(),
        }
    }

    /// Writes the scaled numbers of a row.
    pub(crate) fn write(&self, row: ArrayView1<'_, f32>, out: &mut [f32]) {
        match row.as_slice() {
            Some(row) if self.is_whole => scale(row, &self.centres, &self.scales, out),
            _ => {
                out.iter_mut().zip(&self.features).for_each(|(out, &feature)| *out = row[feature]);
                scale_in_place(out, &self.centres, &self.scales);
            }
        }
    }
}

#[allow(clippy::inline_always, reason = "part of wide loops")]
#[inline(always)]
fn scaled(x: f32, centre: f32, scale: f32) -> f32 {
    ((x - centre) / scale).clamp(-LIMIT, LIMIT)
}

wide! {
    fn scale(x: &[f32], centres: &[f32], scales: &[f32], out: &mut [f32]) {
        for (((out, x), centre), scale) in out.iter_mut().zip(x).zip(centres).zip(scales) {
            *out = scaled(*x, *centre, *scale);
        }
    }

    fn scale_in_place(x: &mut [f32], centres: &[f32], scales: &[f32]) {
        for ((x, centre), scale) in x.iter_mut().zip(centres).zip(scales) {
            *x = scaled(*x, *centre, *scale);
        }
    }
}

#[cfg(test)]
#[cfg(feature = "train")]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::nn::columns::Columns;

    #[test]
    fn numbers_have_the_bits_of_training() {
        let x = Array2::from_shape_fn((40, 21), |(i, j)| ((i * 7 + j * 5) % 23) as f32 * (j + 1) as f32);
        for categorical in [vec![], vec![3, 20]] {
            let columns = Columns { categorical, ..Default::default() };
            let mut inputs = Inputs::fit(&x.view(), Some(&columns)).unwrap();
            inputs.numbers[0].scale = 1e-3;
            let scaling = Scaling::new(&inputs);
            let column_major = x.t().as_standard_layout().into_owned();
            for x in [x.view(), column_major.t()] {
                for row in x.rows() {
                    let (mut fused, mut plain) = ([0.0; 21], [0.0; 21]);
                    scaling.write(row, &mut fused[..inputs.numbers.len()]);
                    inputs.numbers_into(row, &mut plain);
                    assert_eq!(fused, plain);
                }
            }
        }
    }
}
