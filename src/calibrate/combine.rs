//! Several p-values of one row into one.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// p-values above this count as it in [`cauchy`], where 1 would outweigh every other.
const CAUCHY_CAP: f64 = 0.99;

/// How the p-values of several detectors become one.
///
/// All combinations lie in (0, 1], never fall when a p-value rises, do not depend on the order, and return a
/// single p-value as it is. None allocates. Without any p-value the result is 1. A p-value outside
/// `[f64::MIN_POSITIVE, 1]` counts as the nearer end, a combined one below the smallest normal `f64` is
/// that number, and NaN gives NaN.
///
/// # Examples
///
/// ```
/// use qosguard::calibrate::Combination;
///
/// let p = [0.001, 0.6, 0.8];
/// assert!((Combination::Bonferroni.combine(&p) - 0.003).abs() < 1e-15);
/// assert!(Combination::Fisher.combine(&[0.02, 0.03, 0.04]) < 0.002); // together worth more than each
/// // Nine tenths of the trust in the first: min(.001 / .9, …).
/// let weighted = Combination::Bonferroni.combine_weighted(&p, &[0.9, 0.05, 0.05])?;
/// assert!((weighted - 0.001 / 0.9).abs() < 1e-15);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combination {
    /// [`fisher`]: for ranking; adds up weak evidence.
    Fisher,
    /// [`bonferroni`]: for decisions; keeps the rate whatever the members share.
    Bonferroni,
    /// [`harmonic_mean`]: between the two.
    HarmonicMean,
    /// [`cauchy`]: like the harmonic mean, and evidence for clean traffic counts as well.
    Cauchy,
}

impl Combination {
    /// The combined p-value.
    pub fn combine(self, p: &[f64]) -> f64 {
        match self {
            Self::Fisher => fisher(p),
            Self::Bonferroni => bonferroni(p),
            Self::HarmonicMean => harmonic_mean(p),
            Self::Cauchy => cauchy(p),
        }
    }

    /// The combined p-value when members are trusted unequally; only the ratios of the weights count.
    ///
    /// A weight of 0 leaves the member out. [`Combination::Fisher`] takes no weights: a weighted sum of
    /// logarithms has no tail in a closed form that is numerically sound.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] when the lengths differ; [`Error::InvalidArgument`] for a weight that is
    /// negative or not finite, for weights that are all 0, and for Fisher's method.
    ///
    /// # Source
    ///
    /// For Bonferroni: C. R. Genovese, K. Roeder and L. Wasserman, "False discovery control with p-value
    /// weighting", Biometrika 93 (2006). The others as without weights.
    pub fn combine_weighted(self, p: &[f64], weights: &[f64]) -> Result<f64> {
        if p.len() != weights.len() {
            return Err(Error::ShapeMismatch { what: "weights", expected: p.len(), got: weights.len() });
        }
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(Error::invalid(format!("weights[{i}]"), "finite and at least 0", weights[i]));
        }
        let largest = weights.iter().fold(0.0_f64, |a, &b| a.max(b));
        if largest == 0.0 && !p.is_empty() {
            return Err(Error::invalid("weights", "above 0 for a member at least", format!("{weights:?}")));
        }
        let members = Members { p, weights: Some((weights, largest)) };
        match self {
            Self::Fisher => Err(Error::invalid("weights", "left out for Fisher's method", "weights")),
            Self::Bonferroni => Ok(members.combine(bonferroni_of)),
            Self::HarmonicMean => Ok(members.combine(harmonic_mean_of)),
            Self::Cauchy => Ok(members.combine(cauchy_of)),
        }
    }
}

/// Fisher's method: `P(χ²₂ₖ ≥ −2 Σ ln pᵢ) = e^(−y) Σ_{i<k} yⁱ / i!` with `y = −Σ ln pᵢ`.
///
/// Exact for independent p-values. Members that see the same traffic are not independent: the result then
/// ranks rows well, but falls below the share of clean traffic that reaches it, so calibrate it before a
/// decision. [`Combination`] describes the edges.
///
/// # Source
///
/// R. A. Fisher, *Statistical Methods for Research Workers*, 4th edition, 1932, section 21.1.
///
/// # Examples
///
/// ```
/// // .1 · .1 = .01: .01 (1 − ln .01).
/// let p = qosguard::calibrate::fisher(&[0.1, 0.1]);
/// assert!((p - 0.056_051_701_859_880_91).abs() < 1e-15);
/// ```
pub fn fisher(p: &[f64]) -> f64 {
    Members::equal(p).combine(fisher_of)
}

/// Bonferroni's correction: `min(1, k · min pᵢ)`.
///
/// A p-value under any dependence: deciding at a rate flags no more clean traffic than that rate. It is the
/// rule "any member at the rate over k". [`Combination`] describes the edges.
///
/// # Source
///
/// C. E. Bonferroni, *Teoria statistica delle classi e calcolo delle probabilità*, 1936.
///
/// # Examples
///
/// ```
/// assert_eq!(qosguard::calibrate::bonferroni(&[0.25, 0.125, 1.0]), 0.375);
/// ```
pub fn bonferroni(p: &[f64]) -> f64 {
    Members::equal(p).combine(bonferroni_of)
}

/// The harmonic mean `k / Σ (1 / pᵢ)`.
///
/// Near a p-value in the tail under most kinds of dependence, but not below it: for independent members the
/// rate realised at an asked 1 % is about 1.03 % for two and 1.07 % for ten, at 5 % it is 5.5 % and 6.4 %. [`Combination`]
/// describes the edges.
///
/// # Source
///
/// D. J. Wilson, "The harmonic mean p-value for combining dependent tests", PNAS 116 (2019).
///
/// # Examples
///
/// ```
/// let p = qosguard::calibrate::harmonic_mean(&[0.25, 0.5]);
/// assert!((p - 1.0 / 3.0).abs() < 1e-15);
/// ```
pub fn harmonic_mean(p: &[f64]) -> f64 {
    Members::equal(p).combine(harmonic_mean_of)
}

/// Cauchy combination: `½ − atan(T) / π` with `T = Σ tan((½ − pᵢ) π) / k`.
///
/// A p-value in the tail under any correlation. A p-value above .99 counts as .99, because one of exactly 1,
/// which conformal ranks give, would outweigh every alarm; so the result never exceeds .99 for two members
/// or more. [`Combination`] describes the edges.
///
/// # Source
///
/// Y. Liu and J. Xie, "Cauchy combination test: a powerful test with analytic p-value calculation under
/// arbitrary dependency structures", JASA 115 (2020). Cap: Y. Fang et al., "Heavy-tailed distribution for
/// combining dependent p-values with asymptotic robustness", Statistica Sinica 33 (2023).
///
/// # Examples
///
/// ```
/// use qosguard::calibrate::cauchy;
///
/// assert!((cauchy(&[0.2, 0.8]) - 0.5).abs() < 1e-15); // as much for as against
/// assert!(cauchy(&[1e-6, 1.0]) < 2.001e-6);
/// ```
pub fn cauchy(p: &[f64]) -> f64 {
    Members::equal(p).combine(cauchy_of)
}

/// p-values with what each counts; nothing here allocates, since every row of traffic comes by.
#[derive(Clone, Copy)]
struct Members<'a> {
    p: &'a [f64],
    /// As many weights as p-values, and the largest of them; equal ones for `None`.
    weights: Option<(&'a [f64], f64)>,
}

impl<'a> Members<'a> {
    fn equal(p: &'a [f64]) -> Self {
        Self { p, weights: None }
    }

    /// p-values in (0, 1] with weights in (0, 1], relative to the largest so that their sum is finite.
    fn iter(self) -> impl Iterator<Item = (f64, f64)> {
        let weight = move |i: usize| self.weights.map_or(1.0, |(weights, largest)| weights[i] / largest);
        let members = self.p.iter().enumerate().map(move |(i, &p)| (inside(p), weight(i)));
        members.filter(|(_, weight)| *weight > 0.0)
    }

    fn total(self) -> f64 {
        self.iter().map(|(_, weight)| weight).sum()
    }

    /// The result of `rule`, unless the edges decide it.
    fn combine(self, rule: impl Fn(Self) -> f64) -> f64 {
        if self.p.iter().any(|p| p.is_nan()) {
            return f64::NAN;
        }
        let mut members = self.iter();
        match (members.next(), members.next()) {
            (None, _) => 1.0,
            (Some((p, _)), None) => p,
            _ => inside(rule(self)),
        }
    }
}

/// The nearest number that is a p-value.
fn inside(p: f64) -> f64 {
    p.clamp(f64::MIN_POSITIVE, 1.0)
}

/// See [`fisher`]; members count alike.
fn fisher_of(members: Members<'_>) -> f64 {
    let y = -members.iter().map(|(p, _)| p.ln()).sum::<f64>();
    // The sum is kept as sum · e^log, because yⁱ / i! may overflow.
    let (mut term, mut sum, mut log) = (1.0, 1.0, 0.0);
    for i in 1..members.p.len() {
        term *= y / i as f64;
        sum += term;
        if sum > 1e200 {
            (term, sum, log) = (term / sum, 1.0, log + sum.ln());
        }
    }
    (log + sum.ln() - y).exp()
}

/// `min (pᵢ / wᵢ) Σ w`.
fn bonferroni_of(members: Members<'_>) -> f64 {
    let total = members.total();
    members.iter().map(|(p, w)| p * (total / w)).fold(1.0, f64::min)
}

/// `Σ w / Σ (wᵢ / pᵢ)`, relative to the smallest p-value, whose inverse may be near the largest `f64`.
fn harmonic_mean_of(members: Members<'_>) -> f64 {
    let smallest = members.iter().map(|(p, _)| p).fold(1.0, f64::min);
    let sum: f64 = members.iter().map(|(p, w)| w * (smallest / p)).sum();
    smallest * (members.total() / sum)
}

/// See [`cauchy`]; `tan((½ − p) π) = 1 / tan(π p)` is exact for small p.
fn cauchy_of(members: Members<'_>) -> f64 {
    let total = members.total();
    let t: f64 = members.iter().map(|(p, w)| w / total / (PI * p.min(CAUCHY_CAP)).tan()).sum();
    if t > 0.0 { (1.0 / t).atan() / PI } else { 0.5 - t.atan() / PI }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Stream;

    const ALL: [Combination; 4] =
        [Combination::Fisher, Combination::Bonferroni, Combination::HarmonicMean, Combination::Cauchy];

    fn close(got: f64, want: f64) {
        assert!((got / want - 1.0).abs() < 1e-12, "{got}, by hand {want}");
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        // y = −ln(.01 · .2 · .5) = 6.907755…: .001 (1 + y + y² / 2).
        let y = -(0.001_f64.ln());
        close(fisher(&[0.01, 0.2, 0.5]), 0.001 * (1.0 + y + y * y / 2.0));
        close(bonferroni(&[0.01, 0.2, 0.5]), 0.03);
        assert_eq!(bonferroni(&[0.6, 0.7]), 1.0);
        close(harmonic_mean(&[0.01, 0.2, 0.5]), 3.0 / 107.0);
        // tan(.49 π) = 31.820516, tan(.3 π) = 1.3763819, tan 0 = 0: mean 11.065632…
        close(cauchy(&[0.01, 0.2, 0.5]), 0.5 - 11.065_632_624_748_341_f64.atan() / PI);
    }

    #[test]
    fn weights_move_the_result_as_the_formulas_say() {
        let weighted = |rule: Combination, w: [f64; 3]| rule.combine_weighted(&[0.01, 0.2, 0.5], &w).unwrap();
        close(weighted(Combination::Bonferroni, [2.0, 1.0, 1.0]), 0.02);
        close(weighted(Combination::HarmonicMean, [2.0, 1.0, 1.0]), 4.0 / 207.0);
        let t = 0.5 * (0.49 * PI).tan() + 0.25 * (0.3 * PI).tan();
        close(weighted(Combination::Cauchy, [2.0, 1.0, 1.0]), 0.5 - t.atan() / PI);
        for rule in &ALL[1..] {
            let without = rule.combine(&[0.01, 0.5]);
            close(weighted(*rule, [3.0, 0.0, 3.0]), without);
            close(weighted(*rule, [f64::MAX, 0.0, f64::MAX]), without);
            assert_eq!(weighted(*rule, [0.0, 0.0, 5.0]), 0.5);
        }
    }

    #[test]
    fn weights_that_make_no_sense_are_rejected() {
        for (rule, weights) in [
            (Combination::Cauchy, &[1.0, -1.0][..]),
            (Combination::Cauchy, &[1.0, f64::NAN]),
            (Combination::Cauchy, &[f64::INFINITY, 1.0]),
            (Combination::HarmonicMean, &[0.0, 0.0]),
            (Combination::Fisher, &[1.0, 1.0]),
        ] {
            let error = rule.combine_weighted(&[0.1, 0.2], weights).unwrap_err();
            assert!(matches!(&error, Error::InvalidArgument { path, .. } if path.starts_with("weights")));
        }
        let error = Combination::Cauchy.combine_weighted(&[0.1, 0.2], &[1.0]).unwrap_err();
        assert!(matches!(error, Error::ShapeMismatch { expected: 2, got: 1, .. }), "{error}");
    }

    #[test]
    fn edge_cases_have_their_documented_values() {
        for rule in ALL {
            assert_eq!(rule.combine(&[]), 1.0, "{rule:?}");
            assert!(rule.combine(&[0.1, f64::NAN]).is_nan() && rule.combine(&[f64::NAN]).is_nan());
            assert_eq!(rule.combine(&[0.0]), f64::MIN_POSITIVE);
            assert_eq!(rule.combine(&[7.0]), 1.0);
            let p = rule.combine(&[0.0, 0.0, -1.0]);
            assert!(p > 0.0 && p < 1e-307, "{rule:?}: {p}");
            let many = rule.combine(&vec![0.5; 100_000]);
            assert!(many > 0.49 && many <= 1.0, "{rule:?}: {many}");
        }
    }

    #[test]
    fn tiny_p_values_keep_their_digits() {
        let p = 1e-300;
        close(bonferroni(&[p, 0.5]), 2e-300);
        close(harmonic_mean(&[p, p, 0.5]), 1.5e-300);
        close(cauchy(&[p, 0.5]), 2e-300);
        close(cauchy(&[p, p]), p);
        let y = -(p.ln() + 0.5_f64.ln());
        close(fisher(&[p, 0.5]), 5e-301 * (1.0 + y));
        assert_eq!(fisher(&[p, p, p]), f64::MIN_POSITIVE);
    }

    #[test]
    fn many_members_neither_overflow_nor_vanish() {
        // SciPy 1.17.1: chi2.sf(200 ln 2, 200), chi2.sf(4000, 4000).
        assert!((fisher(&[0.5; 100]) - 0.999_686_880_826_857_6).abs() < 1e-12);
        let e = (-1.0_f64).exp();
        assert!((fisher(&[e; 2000]) - 0.497_026_451_555_797_44).abs() < 1e-9, "{}", fisher(&[e; 2000]));
    }

    /// Share of rows of `k` independent uniform p-values whose combination is at most `rate`, over `rate`.
    fn realised_over_asked(rule: Combination, k: u16, rate: f64) -> f64 {
        let mut rng = Stream::new(7, u64::from(k));
        let (rows, mut hits) = (200_000, 0);
        for _ in 0..rows {
            let p: Vec<f64> = (0..k).map(|_| 1.0 - rng.uniform()).collect();
            hits += usize::from(rule.combine(&p) <= rate);
        }
        hits as f64 / f64::from(rows) / rate
    }

    #[test]
    fn rates_are_realised_on_independent_uniform_p_values() {
        for k in [2_u16, 3, 10] {
            for rate in [0.01, 0.1, 0.5] {
                // Three standard errors of a binomial share.
                let noise = 3.0 * f64::sqrt((1.0 - rate) / (200_000.0 * rate));
                let fisher = realised_over_asked(Combination::Fisher, k, rate);
                assert!((fisher - 1.0).abs() < noise, "Fisher, {k}, {rate}: {fisher}");
                // 1 − (1 − rate / k)^k
                let exact = (1.0 - (1.0 - rate / f64::from(k)).powi(i32::from(k))) / rate;
                let bonferroni = realised_over_asked(Combination::Bonferroni, k, rate);
                assert!((bonferroni - exact).abs() < noise, "Bonferroni, {k}, {rate}: {bonferroni}");
            }
            let cauchy = realised_over_asked(Combination::Cauchy, k, 0.01);
            assert!((cauchy - 1.0).abs() < 0.07, "Cauchy, {k}: {cauchy}");
            let harmonic = realised_over_asked(Combination::HarmonicMean, k, 0.01);
            assert!((0.94..1.14).contains(&harmonic), "harmonic mean, {k}: {harmonic}");
        }
    }

    /// p-values of any size down to the smallest normal `f64`.
    fn p_value() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..=1.0_f64, (-1022.0..=0.0_f64).prop_map(f64::exp2)]
    }

    proptest! {
        #[test]
        fn combinations_are_p_values_symmetric_and_monotone(
            p in vec(p_value(), 1..9), at in any::<prop::sample::Index>(), other in p_value(),
        ) {
            let mut reversed = p.clone();
            reversed.reverse();
            let mut moved = p.clone();
            moved[at.index(p.len())] = other;
            for rule in ALL {
                let combined = rule.combine(&p);
                prop_assert!(combined > 0.0 && combined <= 1.0, "{:?}: {}", rule, combined);
                prop_assert!((rule.combine(&reversed) / combined - 1.0).abs() < 1e-9);
                let change = rule.combine(&moved) / combined - 1.0;
                let raised = other > p[at.index(p.len())];
                prop_assert!(if raised { change >= -1e-9 } else { change <= 1e-9 }, "{:?}: {}", rule, change);
            }
        }

        #[test]
        fn one_p_value_is_given_back(p in f64::MIN_POSITIVE..=1.0) {
            for rule in ALL {
                prop_assert_eq!(rule.combine(&[p]), p);
            }
        }

        #[test]
        fn bonferroni_is_never_below_the_harmonic_mean(p in vec(p_value(), 1..9)) {
            prop_assert!(bonferroni(&p) >= harmonic_mean(&p) * (1.0 - 1e-12));
        }
    }

    #[test]
    fn names_in_files_are_fixed() {
        let json = serde_json::to_string(&ALL).unwrap();
        assert_eq!(json, r#"["fisher","bonferroni","harmonic_mean","cauchy"]"#);
        assert_eq!(serde_json::from_str::<[Combination; 4]>(&json).unwrap(), ALL);
    }
}
