//! Fitting on rows that all have a class, in one call.

use qosguard::Result;
use qosguard::detect::{Fit, FitContext};
use qosguard::ndarray::ArrayView2;

pub(crate) trait FitClasses: Fit {
    /// Fits on the class of each row as an index into `names`.
    fn fit_classes(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        names: &[String],
        weights: Option<&[f32]>,
    ) -> Result<Self::Model> {
        let codes: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
        let context = FitContext { weights, ..FitContext::classes(&codes, names) };
        Ok(self.fit(x, context)?.model)
    }
}

impl<T: Fit> FitClasses for T {}
