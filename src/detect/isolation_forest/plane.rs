//! The planes that oblique trees cut along.

/// Planes of `k` terms each: a row is right of plane `p` when `Σ w_j x_j` is above its offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Planes {
    /// Terms of a plane.
    pub(super) k: usize,
    /// The features of each plane, `k` after `k`.
    pub(super) features: Vec<u32>,
    /// Their weights.
    pub(super) weights: Vec<f32>,
    /// Where each plane cuts.
    pub(super) offsets: Vec<f64>,
}

impl Planes {
    pub(super) fn new(k: usize) -> Self {
        Self { k, ..Self::default() }
    }

    /// Number of planes.
    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Adds a plane and returns its number.
    pub(super) fn push(&mut self, terms: &[(u32, f32)], offset: f64) -> u32 {
        self.features.extend(terms.iter().map(|term| term.0));
        self.weights.extend(terms.iter().map(|term| term.1));
        self.offsets.push(offset);
        (self.len() - 1) as u32
    }

    /// Adds the planes of `other`, which have as many terms.
    pub(super) fn append(&mut self, other: &Self) {
        self.features.extend(&other.features);
        self.weights.extend(&other.weights);
        self.offsets.extend(&other.offsets);
    }

    /// Feature and weight of each term of a plane.
    pub(super) fn terms(&self, plane: usize) -> impl Iterator<Item = (u32, f32)> {
        let at = plane * self.k..(plane + 1) * self.k;
        self.features[at.clone()].iter().copied().zip(self.weights[at].iter().copied())
    }

    /// 1 where a row is right of a plane, else 0: what a tree of planes compares with 0.
    pub(super) fn side(&self, plane: usize, row: impl Fn(usize) -> f32) -> f32 {
        let right = dot(self.terms(plane), row) > self.offsets[plane];
        f32::from(u8::from(right))
    }

    /// Memory that the planes take, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        size_of_val(self.features.as_slice())
            + size_of_val(self.weights.as_slice())
            + size_of_val(self.offsets.as_slice())
    }
}

/// `Σ w_j x_j`, in the order of the terms; every walk adds so.
pub(super) fn dot(terms: impl Iterator<Item = (u32, f32)>, row: impl Fn(usize) -> f32) -> f64 {
    terms.fold(0.0, |sum, (feature, weight)| sum + f64::from(weight) * f64::from(row(feature as usize)))
}
