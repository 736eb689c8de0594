//! Attention over packed queries, keys and values.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::product::Matrix;
use super::values;
use crate::nn::kernels::{softmax_row, sum_of_pairs};
use crate::simd::wide;

/// Over (rows, tokens, 3 · heads · width), where each token holds its queries, keys and values side by side.
pub(super) struct Attention {
    pub(super) heads: usize,
}

/// Sizes of one attention.
struct Sizes {
    tokens: usize,
    heads: usize,
    width: usize,
}

impl Sizes {
    fn new(dims: &[usize], heads: usize) -> Result<Self> {
        match *dims {
            [_, tokens, columns] if heads > 0 && tokens > 0 && columns > 0 && columns % (3 * heads) == 0 => {
                Ok(Self { tokens, heads, width: columns / 3 / heads })
            }
            _ => bail!("expected (rows, tokens, 3 · {heads} · width), found {dims:?}"),
        }
    }

    /// Numbers of one of the three parts of a token.
    fn part(&self) -> usize {
        self.heads * self.width
    }

    /// Numbers of a row's output.
    fn row(&self) -> usize {
        self.tokens * self.part()
    }

    fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Queries, keys and values of a head, in a row of the input.
    fn parts<'a>(&self, row: &'a [f32], head: usize) -> Result<[Matrix<'a>; 3]> {
        let part = |i: usize| {
            let start = i * self.part() + head * self.width;
            Matrix::new(row.get(start..).unwrap_or_default(), self.tokens, self.width, 3 * self.part())
        };
        Ok([part(0)?, part(1)?, part(2)?])
    }

    /// The shares of attention: a row for each query.
    fn shares(&self, query: Matrix<'_>, key: Matrix<'_>, shares: &mut [f32]) -> Result<()> {
        query.times_into(key.transposed(), shares, self.tokens, false)?;
        scaled_softmax_rows(shares, self.tokens, self.scale());
        Ok(())
    }

    fn forward(&self, x: &[f32], y: &mut [f32]) -> Result<()> {
        let mut shares = vec![0.0; self.tokens * self.tokens];
        for (x, y) in x.chunks_exact(3 * self.row()).zip(y.chunks_exact_mut(self.row())) {
            for head in 0..self.heads {
                let [query, key, value] = self.parts(x, head)?;
                self.shares(query, key, &mut shares)?;
                let shares = Matrix::new(&shares, self.tokens, self.tokens, self.tokens)?;
                shares.times_into(value, &mut y[head * self.width..], self.part(), false)?;
            }
        }
        Ok(())
    }

    /// The shares are found again rather than kept: that costs less than to read them from memory.
    fn backward(&self, x: &[f32], slope: &[f32], of_x: &mut [f32]) -> Result<()> {
        let (tokens, down) = (self.tokens, 3 * self.part());
        let mut shares = vec![0.0; tokens * tokens];
        let mut inner = vec![0.0; tokens * tokens];
        let rows = x.chunks_exact(3 * self.row()).zip(slope.chunks_exact(self.row()));
        for ((x, slope), of_x) in rows.zip(of_x.chunks_exact_mut(3 * self.row())) {
            for head in 0..self.heads {
                let start = head * self.width;
                let [query, key, value] = self.parts(x, head)?;
                let slope = Matrix::new(&slope[start..], tokens, self.width, self.part())?;
                self.shares(query, key, &mut shares)?;
                slope.times_into(value.transposed(), &mut inner, tokens, false)?;
                softmax_back(&shares, &mut inner, tokens, self.scale());
                let shares = Matrix::new(&shares, tokens, tokens, tokens)?;
                let inner = Matrix::new(&inner, tokens, tokens, tokens)?;
                inner.times_into(key, &mut of_x[start..], down, false)?;
                inner.transposed().times_into(query, &mut of_x[self.part() + start..], down, false)?;
                shares.transposed().times_into(slope, &mut of_x[2 * self.part() + start..], down, false)?;
            }
        }
        Ok(())
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::new(at.dims(), self.heads)?;
        let x = values::of(x, at)?;
        let mut y = vec![0.0; x.len() / 3];
        sizes.forward(x, &mut y)?;
        let rows = at.dims().first().copied().unwrap_or(0);
        Ok((CpuStorage::F32(y), (rows, sizes.tokens, sizes.part()).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let sizes = Sizes::new(x.dims(), self.heads)?;
        let mut of_x = vec![0.0; x.elem_count()];
        values::read([x, &slope.contiguous()?], |[x, slope]| sizes.backward(x, slope, &mut of_x))?;
        Ok(Some(values::tensor(of_x, x.shape())?))
    }
}

wide! {
    /// From the slopes of the softmax `y` to the slopes of its input, times `scale`.
    fn softmax_back(y: &[f32], slope: &mut [f32], width: usize, scale: f32) {
        let width = width.max(1);
        for (y, slope) in y.chunks_exact(width).zip(slope.chunks_exact_mut(width)) {
            let mean = sum_of_pairs(y, slope, |y, slope| y * slope);
            for (slope, y) in slope.iter_mut().zip(y) {
                *slope = (*slope - mean) * y * scale;
            }
        }
    }

    fn scaled_softmax_rows(x: &mut [f32], width: usize, scale: f32) {
        for row in x.chunks_exact_mut(width) {
            softmax_row(row, scale);
        }
    }
}
