//! More trees for a forest: grown later, or taken from forests that were fitted apart.

use std::collections::HashMap;

use ndarray::ArrayView2;

use super::plane::Planes;
use super::{IsolationForest, IsolationForestConfig, grow_trees, renumber};
use crate::detect::tree::{Node, Trees};
use crate::detect::{Detector, check};
use crate::error::{Error, Result};

impl IsolationForest {
    /// The forest with `trees` more trees, grown on `x` of shape `(rows, features)`.
    ///
    /// On the same rows the result has the same bits as a forest that was fitted with all trees at once;
    /// other rows let a forest follow its traffic.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for another width, else as [`Fit::fit`](crate::detect::Fit::fit).
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// let of = |trees| IsolationForestConfig { trees, ..Default::default() }.fit(x.view(), FitContext::default()).map(|fitted| fitted.model);
    /// assert_eq!(of(20)?.grow(x.view(), 30)?.to_parts(), of(50)?.to_parts());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn grow(&self, x: ArrayView2<'_, f32>, trees: usize) -> Result<Self> {
        check::shape(&x, self.n_features(), x.nrows())?;
        if trees == 0 {
            return Err(Error::invalid("trees", "at least 1", 0));
        }
        let total = self.config.trees.saturating_add(trees);
        let config = IsolationForestConfig { trees: total, ..self.config.clone() };
        let (more, planes) = grow_trees(&config, x, self.n_trees())?;
        join(config, self.n_features, &[(&self.trees, self.planes.as_ref()), (&more, planes.as_ref())])
    }

    /// One forest of the trees of several, in their order: how a forest is fitted in many places at once.
    ///
    /// It has the settings of the first one, with all trees and the largest `max_samples`. Forests that saw
    /// fewer rows weigh in by `Σ h_t / Σ c(n_t)`; see [`IsolationForest`].
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientData`] for no forest; [`Error::ShapeMismatch`] for forests of other widths;
    /// [`Error::InvalidArgument`] for other settings than the first's (`max_depth`, `splits`, `scoring`,
    /// `missing`, `categorical`), for two forests of one seed, whose trees would be alike, and for more than
    /// 10,000 trees in all.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, Fit, FitContext, IsolationForest, IsolationForestConfig};
    /// use qosguard::ndarray::{Array2, s};
    ///
    /// let x = Array2::from_shape_fn((600, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// let of = |seed| IsolationForestConfig { trees: 50, seed, ..Default::default() };
    /// let (here, there) = (x.slice(s![..300, ..]), x.slice(s![300.., ..]));
    /// let forest = IsolationForest::merge(&[of(1).fit(here, FitContext::default())?.model, of(2).fit(there, FitContext::default())?.model])?;
    /// assert_eq!(forest.n_trees(), 100);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn merge(forests: &[Self]) -> Result<Self> {
        let Some(first) = forests.first() else {
            return Err(Error::InsufficientData { what: "forests".into(), needed: 1, got: 0 });
        };
        let mut seeds = HashMap::new();
        for (i, forest) in forests.iter().enumerate() {
            forest.fits(first, i)?;
            if let Some(other) = seeds.insert(forest.config.seed, i) {
                let expected = format!("another seed than forests[{other}] has");
                return Err(Error::invalid(format!("forests[{i}].seed"), expected, forest.config.seed));
            }
        }
        let config = IsolationForestConfig {
            trees: forests.iter().map(Self::n_trees).sum(),
            max_samples: forests.iter().map(|forest| forest.config.max_samples).fold(0, usize::max),
            ..first.config.clone()
        };
        config.validate(first.n_features)?;
        let parts: Vec<_> = forests.iter().map(|forest| (&forest.trees, forest.planes.as_ref())).collect();
        join(config, first.n_features, &parts)
    }

    /// Rejects a forest, `forests[i]`, that cannot be merged with the first.
    fn fits(&self, first: &Self, i: usize) -> Result<()> {
        if self.n_features != first.n_features {
            let (expected, got) = (first.n_features, self.n_features);
            return Err(Error::ShapeMismatch { what: "feature columns", expected, got });
        }
        let (own, wanted) = (&self.config, &first.config);
        let settings = [
            ("max_depth", format!("{:?}", own.max_depth), format!("{:?}", wanted.max_depth)),
            ("splits", format!("{:?}", own.splits), format!("{:?}", wanted.splits)),
            ("scoring", format!("{:?}", own.scoring), format!("{:?}", wanted.scoring)),
            ("missing", format!("{:?}", own.missing), format!("{:?}", wanted.missing)),
            ("categorical", format!("{:?}", own.categorical), format!("{:?}", wanted.categorical)),
        ];
        match settings.into_iter().find(|(_, own, wanted)| own != wanted) {
            Some((name, got, expected)) => Err(Error::invalid(
                format!("forests[{i}].{name}"),
                format!("{expected}, as the first's"),
                got,
            )),
            None => Ok(()),
        }
    }
}

/// A forest of all these trees.
fn join(
    config: IsolationForestConfig,
    n_features: usize,
    forests: &[(&Trees, Option<&Planes>)],
) -> Result<IsolationForest> {
    let mut planes = Planes::new(config.splits.features());
    let (mut sets, mut all) = (Vec::new(), Vec::with_capacity(config.trees));
    for (trees, own_planes) in forests {
        let mut nodes: Vec<Vec<Node>> = trees.iter().map(<[Node]>::to_vec).collect();
        for nodes in &mut nodes {
            renumber(nodes, planes.len() as u32, sets.len() as u32);
        }
        all.append(&mut nodes);
        sets.extend_from_slice(trees.categories());
        if let Some(own) = own_planes {
            planes.append(own);
        }
    }
    let oblique = planes.k > 1;
    let trees = Trees::new(if oblique { planes.len() } else { n_features }, &all, sets)?;
    Ok(IsolationForest::from_trees(config, n_features, trees, oblique.then_some(planes)))
}
