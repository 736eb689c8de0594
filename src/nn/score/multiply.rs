//! Computing a product with the instructions of the processor.

use super::lanes::LANES;
use super::product::Product;
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::simd::Processor;

impl Product<'_> {
    /// Writes `rows` rows of `columns` numbers, `out_stride` apart.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the sizes require.
    pub(super) fn write(&self, processor: Processor, out: &mut [f32]) {
        let blocks = self.columns.div_ceil(LANES);
        let reach =
            |stride: usize, width: usize| if self.rows == 0 { 0 } else { (self.rows - 1) * stride + width };
        assert!(self.x.len() >= reach(self.x_stride, self.inputs), "rows of inputs");
        assert!(out.len() >= reach(self.out_stride, self.columns), "rows of columns");
        assert!(
            self.weights.len() >= blocks * self.inputs && self.start.len() >= blocks,
            "blocks of columns"
        );
        match processor {
            Processor::Any => self.write_portable(out),
            #[cfg(target_arch = "x86_64")]
            Processor::Avx2(detected) => x86::avx2(detected, self, out),
            #[cfg(target_arch = "x86_64")]
            Processor::Avx512(detected) => x86::avx512(detected, self, out),
        }
    }

    fn write_portable(&self, out: &mut [f32]) {
        for row in 0..self.rows {
            let x = &self.x[row * self.x_stride..][..self.inputs];
            let out = &mut out[row * self.out_stride..][..self.columns];
            for (block, out) in out.chunks_mut(LANES).enumerate() {
                let mut sums = self.start[block].0;
                for (&x, weights) in x.iter().zip(&self.weights[block * self.inputs..]) {
                    for (sum, &weight) in sums.iter_mut().zip(&weights.0) {
                        *sum = multiply_add(x, weight, *sum);
                    }
                }
                if self.relu {
                    sums = sums.map(|sum| sum.max(0.0));
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// `x y + sum`, rounded once where an instruction does it; calling a function for each would be slow.
fn multiply_add(x: f32, y: f32, sum: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { x.mul_add(y, sum) } else { x * y + sum }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Lane, pack, pack_row};
    use super::*;
    use crate::rng::Stream;

    fn draw(random: &mut Stream, n: usize) -> Vec<f32> {
        (0..n).map(|_| random.normal() as f32).collect()
    }

    /// The product by every processor.
    fn products(x: &[f32], rows: usize, weight: &[f32], bias: &[f32], relu: bool) -> Vec<Vec<f32>> {
        let columns = bias.len();
        let inputs = weight.len() / columns;
        let product = Product {
            x,
            x_stride: inputs,
            rows,
            inputs,
            weights: &pack(inputs, columns, |k, column| weight[column * inputs + k]),
            start: &pack_row(bias),
            columns,
            out_stride: columns,
            relu,
        };
        let write = |processor| {
            let mut out = vec![f32::NAN; rows * columns];
            product.write(processor, &mut out);
            out
        };
        Processor::all().map(write).collect()
    }

    #[test]
    fn every_processor_multiplies_what_a_plain_loop_does() {
        let mut random = Stream::new(7, 0);
        for rows in [1, 2, 6, 17] {
            for [inputs, columns] in
                [[1, 1], [3, 15], [42, 64], [64, 16], [9, 31], [7, 33], [128, 130], [5, 200]]
            {
                let (x, weight) = (draw(&mut random, rows * inputs), draw(&mut random, inputs * columns));
                let bias = draw(&mut random, columns);
                for relu in [false, true] {
                    let all = products(&x, rows, &weight, &bias, relu);
                    for (i, out) in all.iter().flat_map(|out| out.iter().enumerate()) {
                        let (row, column) = (i / columns, i % columns);
                        let pairs =
                            (x[row * inputs..][..inputs].iter()).zip(&weight[column * inputs..][..inputs]);
                        let (mut sum, mut size) = (f64::from(bias[column]), 1.0);
                        for (&x, &w) in pairs {
                            sum += f64::from(x) * f64::from(w);
                            size += (f64::from(x) * f64::from(w)).abs();
                        }
                        let truth = if relu { sum.max(0.0) } else { sum };
                        let error = (f64::from(*out) - truth).abs() / size;
                        assert!(error < 1e-6, "{rows} {inputs} {columns} at {i}: {out} {truth}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_among_others() {
        let mut random = Stream::new(8, 0);
        let (rows, inputs, columns) = (17, 37, 150);
        let (x, weight) = (draw(&mut random, rows * inputs), draw(&mut random, inputs * columns));
        let bias = draw(&mut random, columns);
        let together = products(&x, rows, &weight, &bias, false);
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            for (alone, together) in products(x, 1, &weight, &bias, false).iter().zip(&together) {
                assert_eq!(alone[..], together[row * columns..][..columns]);
            }
        }
    }

    #[test]
    fn rows_may_overlap_and_lie_apart() {
        let mut random = Stream::new(9, 0);
        let (x, weight) = (draw(&mut random, 20), draw(&mut random, 3 * 18));
        let weights = pack(3, 18, |k, column| weight[column * 3 + k]);
        for processor in Processor::all() {
            let mut out = vec![9.0; 7 * 20 + 18];
            let product = Product {
                x: &x,
                x_stride: 2,
                rows: 8,
                inputs: 3,
                weights: &weights,
                start: &[Lane::ZERO; 2],
                columns: 18,
                out_stride: 20,
                relu: false,
            };
            product.write(processor, &mut out);
            for (row, out) in out.chunks(20).enumerate() {
                let truth = (0..3).map(|k| x[2 * row + k] * weight[17 * 3 + k]).sum::<f32>();
                assert!((out[17] - truth).abs() < 1e-5, "{processor:?} {row}");
                assert!(out[18..].iter().all(|&between| between == 9.0), "nothing is written between rows");
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of inputs")]
    fn a_short_slice_is_rejected() {
        products(&[1.0; 5], 2, &[1.0; 3], &[0.0], false);
    }
}
