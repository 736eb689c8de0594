//! Other names for the classes, and another clean class.

use super::{Link, Output, TreeEnsemble};
use crate::detect::tree::Node;
use crate::error::{Error, Result};

impl TreeEnsemble {
    /// Gives the classes other names, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for another number of names, or for a name that comes twice.
    pub fn with_classes(mut self, names: Vec<String>) -> Result<Self> {
        if names.len() != self.classes.len() {
            let expected = format!("{} names", self.classes.len());
            return Err(Error::invalid("classes", expected, names.len()));
        }
        super::check_classes(&names)?;
        self.classes = names;
        Ok(self)
    }

    /// Makes this class, which means clean traffic, the first one.
    ///
    /// With two classes and one output the leaf values are converted to the other class: `−value`, or
    /// `1 − value` where they are probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a name that no class has.
    pub fn with_clean_class(mut self, name: &str) -> Result<Self> {
        let Some(clean) = self.classes.iter().position(|class| class == name) else {
            return Err(Error::invalid("clean class", format!("one of {:?}", self.classes), name));
        };
        if clean == 0 {
            return Ok(self);
        }
        self.classes[..=clean].rotate_right(1);
        if self.outputs.len() > 1 {
            self.outputs[..=clean].rotate_right(1);
            return Ok(self);
        }
        let other = |value: f64| if self.link == Link::Mean { 1.0 - value } else { -value };
        let output = self.outputs.first().map(|output| {
            let mut trees: Vec<Vec<Node>> = output.trees.iter().map(<[Node]>::to_vec).collect();
            for node in trees.iter_mut().flatten() {
                if let Node::Leaf { value, .. } = node {
                    *value = other(*value);
                }
            }
            Output { base: -output.base, trees, categories: output.trees.categories().to_vec() }
        });
        let (averaged, accepts_missing) = (self.averaged, self.accepts_missing);
        let model = Self::from_outputs(self.n_features, self.classes, Vec::from_iter(output), self.link)?;
        let model = if averaged { model.averaged()? } else { model };
        let (feature_names, missing, category_names, thresholds) =
            (self.feature_names, self.missing, self.category_names, self.thresholds);
        Ok(Self { feature_names, accepts_missing, missing, category_names, thresholds, ..model })
    }
}
