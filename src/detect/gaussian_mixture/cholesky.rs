//! Triangular factors of covariances. Lower triangles are packed row by row: row `i` holds `i + 1` entries.

/// Where row `i` of a packed triangle begins; with `i = d` the length of the whole.
pub(super) const fn row_start(i: usize) -> usize {
    i * (i + 1) / 2
}

/// The inverse of the lower Cholesky factor of a packed, symmetric matrix of `d` rows; `None` where the matrix is
/// not positive definite within rounding.
pub(super) fn inverse_factor(matrix: &[f64], d: usize) -> Option<Vec<f64>> {
    let mut factor = matrix.to_vec();
    for i in 0..d {
        let (above, row) = factor.split_at_mut(row_start(i));
        for j in 0..=i {
            let other = if j < i { &above[row_start(j)..][..=j] } else { &[] };
            let sum: f64 = if j < i {
                row[..j].iter().zip(other).map(|(a, b)| a * b).sum()
            } else {
                row[..i].iter().map(|a| a * a).sum()
            };
            let left = row[j] - sum;
            if j < i {
                row[j] = left / other[j];
            } else if left > f64::EPSILON * row[i] {
                row[i] = left.sqrt();
            } else {
                return None;
            }
        }
    }
    invert(&mut factor, d);
    factor.iter().all(|value| value.is_finite()).then_some(factor)
}

/// Inverts a packed lower triangle in place.
pub(super) fn invert(factor: &mut [f64], d: usize) {
    for i in 0..d {
        let (above, row) = factor.split_at_mut(row_start(i));
        let diagonal = 1.0 / row[i];
        // Row i of the inverse is −1/f_ii times the sum of f_ik times row k of the inverse.
        for j in 0..i {
            let sum: f64 = (j..i).map(|k| row[k] * above[row_start(k) + j]).sum();
            row[j] = -diagonal * sum;
        }
        row[i] = diagonal;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_by_hand() {
        // [[4, 2], [2, 5]] = [[2, 0], [1, 2]] · [[2, 1], [0, 2]].
        let inverse = inverse_factor(&[4.0, 2.0, 5.0], 2).unwrap();
        assert_eq!(inverse, [0.5, -0.25, 0.5]);
    }

    #[test]
    fn the_inverse_whitens_the_matrix() {
        let d = 7;
        let half: Vec<Vec<f64>> =
            (0..d).map(|i| (0..d).map(|j| ((i * 5 + j * 3 + i * j) % 7) as f64 - 3.0).collect()).collect();
        let entry = |i: usize, j: usize| -> f64 {
            half[i].iter().zip(&half[j]).map(|(a, b)| a * b).sum::<f64>() + if i == j { 0.1 } else { 0.0 }
        };
        let packed: Vec<f64> =
            (0..d).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect();
        let inverse = inverse_factor(&packed, d).unwrap();
        let f = |i: usize, j: usize| if j <= i { inverse[row_start(i) + j] } else { 0.0 };
        for i in 0..d {
            for j in 0..d {
                let sum: f64 = (0..d)
                    .flat_map(|k| (0..d).map(move |l| (k, l)))
                    .map(|(k, l)| f(i, k) * entry(k, l) * f(j, l))
                    .sum();
                assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-9, "{i} {j} {sum}");
            }
        }
    }

    #[test]
    fn matrices_that_are_not_positive_definite_are_rejected() {
        assert_eq!(inverse_factor(&[1.0, 1.0, 1.0], 2), None);
        assert_eq!(inverse_factor(&[-1.0], 1), None);
        assert_eq!(inverse_factor(&[f64::NAN], 1), None);
    }
}
