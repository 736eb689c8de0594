//! The matrix product with AVX2 and AVX-512: sums of a tile of rows and columns stay in registers.
#![allow(unsafe_code, reason = "kernels read and write through pointers; this file alone uses them")]

use std::arch::x86_64::{
    _mm256_fmadd_ps, _mm256_load_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    _mm512_fmadd_ps, _mm512_load_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::lanes::{LANES, Lane};
use super::product::Product;
use crate::simd::Detected;

/// The product with 64-byte registers; 24 of the 32 hold sums.
pub(super) fn avx512(_: Detected, product: &Product<'_>, out: &mut [f32]) {
    // SAFETY: the processor has been asked.
    unsafe { avx512::write(product, out) }
}

/// The product with 32-byte registers; 12 of the 16 hold sums.
pub(super) fn avx2(_: Detected, product: &Product<'_>, out: &mut [f32]) {
    // SAFETY: the processor has been asked.
    unsafe { avx2::write(product, out) }
}

macro_rules! kernels {
    ($name:ident, $features:literal, $registers:literal, [$($rows:literal x [$($blocks:literal),+]),+],
     $load:ident, $store:ident, $set1:ident, $zero:ident, $fma:ident, $max:ident) => {
        mod $name {
            use super::*;

            /// Numbers in a register.
            const WIDTH: usize = LANES / $registers;

            /// High tiles first, then lower ones over the rows that are left; of each height wide tiles first.
            #[target_feature(enable = $features)]
            pub(super) fn write(product: &Product<'_>, out: &mut [f32]) {
                let blocks = product.columns.div_ceil(LANES);
                let mut first = 0;
                $({
                    let end = first + (product.rows - first) / $rows * $rows;
                    let mut block = 0;
                    $(while blocks - block >= $blocks {
                        for row in (first..end).step_by($rows) {
                            tile::<$rows, $blocks>(product, row, block, out);
                        }
                        block += $blocks;
                    })+
                    debug_assert_eq!(block, blocks, "the last tiles are one block wide");
                    first = end;
                })+
                debug_assert_eq!(first, product.rows, "the last tiles are one row high");
            }

            /// `R` rows from `row` times `B` blocks of columns from `block`.
            #[target_feature(enable = $features)]
            fn tile<const R: usize, const B: usize>(product: &Product<'_>, row: usize, block: usize, out: &mut [f32]) {
                let Product { inputs, x_stride, .. } = *product;
                let x = product.x[row * x_stride..][..(R - 1) * x_stride + inputs].as_ptr();
                let weights = product.weights[block * inputs..][..B * inputs].as_ptr();
                let mut sums = [[[$zero(); $registers]; B]; R];
                for (b, start) in product.start[block..][..B].iter().enumerate() {
                    for i in 0..$registers {
                        // SAFETY: a lane holds so many registers and is aligned to 64 bytes.
                        let start = unsafe { $load(start.0.as_ptr().add(i * WIDTH)) };
                        for sums in &mut sums {
                            sums[b][i] = start;
                        }
                    }
                }
                for k in 0..inputs {
                    let mut columns = [[$zero(); $registers]; B];
                    for b in 0..B {
                        for i in 0..$registers {
                            // SAFETY: there are `B · inputs` lanes, each of so many registers, aligned to 64 bytes.
                            columns[b][i] = unsafe { $load(weights.add(b * inputs + k).cast::<f32>().add(i * WIDTH)) };
                        }
                    }
                    for r in 0..R {
                        // SAFETY: there are `R` rows of `inputs` numbers, `x_stride` apart.
                        let x = $set1(unsafe { *x.add(r * x_stride + k) });
                        for b in 0..B {
                            for i in 0..$registers {
                                sums[r][b][i] = $fma(x, columns[b][i], sums[r][b][i]);
                            }
                        }
                    }
                }
                if product.relu {
                    for r in 0..R {
                        for b in 0..B {
                            for i in 0..$registers {
                                sums[r][b][i] = $max(sums[r][b][i], $zero());
                            }
                        }
                    }
                }
                let (column, stride) = (block * LANES, product.out_stride);
                let out = &mut out[row * stride + column..];
                if column + B * LANES <= product.columns {
                    let out = out[..(R - 1) * stride + B * LANES].as_mut_ptr();
                    for r in 0..R {
                        for b in 0..B {
                            for i in 0..$registers {
                                // SAFETY: there are `R` rows of `B` lanes, `stride` apart; no alignment is needed.
                                unsafe { $store(out.add(r * stride + b * LANES + i * WIDTH), sums[r][b][i]) };
                            }
                        }
                    }
                } else {
                    let mut lanes = [[Lane::ZERO; B]; R];
                    for r in 0..R {
                        for b in 0..B {
                            for i in 0..$registers {
                                // SAFETY: a lane holds so many registers.
                                unsafe { $store(lanes[r][b].0.as_mut_ptr().add(i * WIDTH), sums[r][b][i]) };
                            }
                        }
                    }
                    for (r, lanes) in lanes.iter().enumerate() {
                        let width = product.columns - column;
                        for (out, lane) in out[r * stride..][..width].chunks_mut(LANES).zip(lanes) {
                            out.copy_from_slice(&lane.0[..out.len()]);
                        }
                    }
                }
            }
        }
    };
}

kernels!(avx512, "avx512f", 1, [6 x [4, 3, 2, 1], 2 x [4, 2, 1], 1 x [8, 4, 2, 1]],
    _mm512_load_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_fmadd_ps, _mm512_max_ps);
kernels!(avx2, "avx2,fma", 2, [6 x [1], 2 x [2, 1], 1 x [4, 2, 1]],
    _mm256_load_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_fmadd_ps, _mm256_max_ps);
