//! Every operation compared with candle's, and its gradient with differences.

use candle_core::{Device, Tensor, Var};

use super::*;

fn random(shape: &[usize], random: &mut Stream) -> Var {
    // Away from 0, where relu has no slope.
    let away = |x: f64| (x + x.signum() * 0.05) as f32;
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| away(random.normal())).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let (found, expected) = (numbers(found), numbers(expected));
    let most = expected.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * most, "{what}[{i}]: {found}, expected {expected}");
    }
}

/// `fast` and `slow` have the same values and gradients, and the gradients equal central differences.
fn check(
    shapes: &[&[usize]],
    fast: impl Fn(&[Var]) -> Result<Tensor>,
    slow: impl Fn(&[Var]) -> candle_core::Result<Tensor>,
) {
    let mut stream = Stream::new(7, 0);
    let vars: Vec<Var> = shapes.iter().map(|shape| random(shape, &mut stream)).collect();
    let (y, expected) = (fast(&vars).unwrap(), slow(&vars).unwrap());
    assert_close(&y, &expected, 1e-6, "values");
    let weights = random(y.dims(), &mut stream).detach();
    let slopes = |y: &Tensor| (y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
    let (found, of_slow) = (slopes(&y), slopes(&expected));
    let sum = || {
        let y = numbers(&fast(&vars).unwrap());
        y.iter().zip(numbers(&weights)).map(|(y, weight)| f64::from(*y) * f64::from(weight)).sum::<f64>()
    };
    for (i, var) in vars.iter().enumerate() {
        let found = found.get(var).unwrap_or_else(|| panic!("variable {i} got no gradient"));
        assert_close(found, of_slow.get(var).unwrap(), 5e-6, &format!("slopes of variable {i}"));
        let (values, found) = (numbers(var), numbers(found));
        for cell in 0..values.len() {
            let at = |shift: f32| {
                let mut values = values.clone();
                values[cell] += shift;
                var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
                sum()
            };
            let difference = (at(0.01) - at(-0.01)) / 0.02;
            let expected = f64::from(found[cell]);
            assert!(
                (difference - expected).abs() < 2e-3 * (1.0 + expected.abs()),
                "slope of variable {i}[{cell}]: {expected}, by differences {difference}"
            );
        }
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
}

#[test]
fn linear_matches_candle_and_differences() {
    let slow = |v: &[Var]| composed::linear(&v[0], &v[1], &v[2]);
    check(&[&[5, 3], &[4, 3], &[4]], |v| linear(&v[0], &v[1], &v[2]), slow);
    check(&[&[2, 3, 17], &[2, 17], &[2]], |v| linear(&v[0], &v[1], &v[2]), slow);
}

#[test]
fn linear_takes_a_transposed_input_and_spares_data_the_slope() {
    let mut stream = Stream::new(1, 0);
    let (x, weight, bias) =
        (random(&[3, 5], &mut stream), random(&[2, 3], &mut stream), random(&[2], &mut stream));
    let data = x.detach();
    let y = linear(&data.t().unwrap(), &weight, &bias).unwrap();
    let expected = data.t().unwrap().matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
    assert_close(&y, &expected, 1e-6, "values");
    let slopes = y.sum_all().unwrap().backward().unwrap();
    assert!(slopes.get(&data).is_none());
    assert!(slopes.get(&weight).is_some() && slopes.get(&bias).is_some());
}

#[test]
fn shapes_that_do_not_fit_are_rejected() {
    let mut stream = Stream::new(1, 0);
    let mut var = |shape: &[usize]| random(shape, &mut stream);
    assert!(linear(&var(&[2, 3]), &var(&[4, 5]), &var(&[4])).is_err());
    assert!(linear(&var(&[2, 3]), &var(&[4, 3]), &var(&[3])).is_err());
    assert!(layer_norm(&var(&[2, 3]), &var(&[4]), &var(&[4])).is_err());
    assert!(attention(&var(&[2, 3, 7]), 2).is_err());
    assert!(attention(&var(&[2, 3, 6]), 0).is_err());
    let norm = [var(&[3]), var(&[3]), var(&[3]), var(&[3])];
    assert!(batch_norm(&var(&[2, 4]), norm.each_ref(), true).is_err());
    assert!(batch_norm(&var(&[2, 4]), norm.each_ref(), false).is_err());
    assert!(batch_norm(&var(&[3]), norm.each_ref(), true).is_err());
}

#[test]
fn activations_match_candle_and_differences() {
    check(&[&[4, 9]], |v| relu(&v[0]), |v| composed::relu(&v[0]));
    check(&[&[4, 9]], |v| gelu(&v[0]), |v| v[0].gelu_erf());
    check(&[&[4, 9]], |v| tanh(&v[0]), |v| v[0].tanh());
}

#[test]
fn layer_norm_matches_candle_and_differences() {
    for width in [3, 16, 21] {
        check(
            &[&[2, 2, width], &[width], &[width]],
            |v| layer_norm(&v[0], &v[1], &v[2]),
            |v| composed::layer_norm(&v[0], &v[1], &v[2]),
        );
    }
}

#[test]
fn attention_matches_candle_and_differences() {
    check(&[&[2, 5, 18]], |v| attention(&v[0], 2), |v| composed::attention(&v[0], 2));
    check(&[&[1, 3, 9]], |v| attention(&v[0], 1), |v| composed::attention(&v[0], 1));
}

#[test]
fn batch_norm_matches_candle_and_differences() {
    let running = || {
        let var = |x: f32| Var::from_tensor(&Tensor::full(x, 3, &Device::Cpu).unwrap()).unwrap();
        (var(0.3), var(1.7))
    };
    for shape in [[7, 3].as_slice(), &[4, 3, 5], &[2, 3, 18]] {
        let (mean, variance) = running();
        check(
            &[shape, &[3], &[3]],
            |v| batch_norm(&v[0], [&v[1], &v[2], &mean, &variance], true),
            |v| composed::batch_norm(&v[0], [&v[1], &v[2], &mean, &variance], true),
        );
        let (mean, variance) = running();
        check(
            &[shape, &[3], &[3]],
            |v| batch_norm(&v[0], [&v[1], &v[2], &mean, &variance], false),
            |v| composed::batch_norm(&v[0], [&v[1], &v[2], &mean, &variance], false),
        );
        assert_eq!(numbers(&mean), [0.3; 3]);
    }
}

#[test]
fn running_statistics_move_by_a_tenth_to_the_unbiased_ones_of_the_batch() {
    let var = |values: &[f32]| Var::new(values, &Device::Cpu).unwrap();
    let x = Tensor::new(&[[1_f32, 10.0], [3.0, 20.0], [5.0, 60.0]], &Device::Cpu).unwrap();
    let (mean, variance) = (var(&[0.0, 0.0]), var(&[1.0, 1.0]));
    batch_norm(&x, [&var(&[1.0, 1.0]), &var(&[0.0, 0.0]), &mean, &variance], true).unwrap();
    // Means 3 and 30; variances over n − 1: 4 and 700.
    for (found, expected) in numbers(&mean).iter().zip([0.3, 3.0]) {
        assert!((found - expected).abs() < 1e-6);
    }
    for (found, expected) in numbers(&variance).iter().zip([1.3_f32, 70.9]) {
        assert!((found - expected).abs() < 1e-5 * expected);
    }
    // One row has no variance: it is all bias, and finite.
    let one = Tensor::new(&[[4_f32, 5.0]], &Device::Cpu).unwrap();
    let y = batch_norm(&one, [&var(&[1.0, 1.0]), &var(&[7.0, 8.0]), &mean, &variance], true).unwrap();
    assert_eq!(numbers(&y), [7.0, 8.0]);
}

#[test]
fn dropout_drops_the_share_keeps_the_mean_and_takes_the_slope_through_the_same_mask() {
    let n = 200_000;
    let x = Var::from_tensor(&Tensor::ones(n, candle_core::DType::F32, &Device::Cpu).unwrap()).unwrap();
    for share in [0.1_f32, 0.5] {
        let mut stream = Stream::new(3, 0);
        let y = dropout(&x, share, &mut stream).unwrap();
        let slopes = y.sum_all().unwrap().backward().unwrap();
        let found = numbers(&y);
        assert_eq!(found, numbers(slopes.get(&x).unwrap()));
        let dropped = |values: &[f32]| values.iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
        let share = f64::from(share);
        let deviation = (share * (1.0 - share) / n as f64).sqrt();
        assert!((dropped(&found) - share).abs() < 4.0 * deviation);
        assert!(found.iter().all(|&y| y == 0.0 || (f64::from(y) - 1.0 / (1.0 - share)).abs() < 1e-6));
        // The next draw, and the neighbours at any distance of a power of 2, are independent.
        let next = numbers(&dropout(&x, share as f32, &mut stream).unwrap());
        let both = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).filter(|&(&a, &b)| a == 0.0 && b == 0.0).count() as f64
                / a.len().min(b.len()) as f64
        };
        let deviation = share / (n as f64 / 2.0).sqrt();
        assert!((both(&found, &next) - share * share).abs() < 5.0 * deviation);
        for power in 0..16 {
            let apart = both(&found, &found[1 << power..]);
            assert!((apart - share * share).abs() < 5.0 * deviation, "{apart} at distance 2^{power}");
        }
    }
    let again = |seed| numbers(&dropout(&x, 0.3, &mut Stream::new(seed, 5)).unwrap());
    assert_eq!(again(1), again(1));
    assert_ne!(again(1), again(2));
}
