//! The ensemble as an ONNX model.

mod input;
mod protobuf;

use input::Input;
use protobuf::Message;

use super::{Link, TreeEnsemble};
use crate::detect::tree::{Categories, Node, Test};
use crate::error::{Error, Result};

/// What protobuf reads at most.
const MAX_BYTES: usize = i32::MAX as usize;

/// Version 5 of `ai.onnx.ml` has the operator; onnxruntime has it from 1.20 on.
const ML_VERSION: u64 = 5;
const ONNX_VERSION: u64 = 21;
const IR_VERSION: u64 = 10;

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT64: u64 = 7;
const DOUBLE: u64 = 11;

/// `nodes_modes`.
const BRANCH_LEQ: u8 = 0;
const BRANCH_MEMBER: u8 = 6;

impl TreeEnsemble {
    /// Writes the ensemble as an ONNX model: the operator `TreeEnsemble` of `ai.onnx.ml` 5, in f64.
    ///
    /// | | name | type | shape |
    /// |---|---|---|---|
    /// | input | `x` | `float` | rows, features; NaN is a missing value |
    /// | output | `margins` | `double` | rows, outputs; as [`TreeEnsemble::margins`] |
    /// | output | `probabilities` | `double` | rows, classes |
    ///
    /// The splits hold thresholds of 64 bits where the model has them, but the input has 32 bits, so an ONNX runtime
    /// gives the result of [`Detector::score`](crate::Detector::score) and not of
    /// [`Detector::score_f64`](crate::Detector::score_f64).
    ///
    /// A runtime that adds in the order of the trees gives the same margins to the last bit; onnxruntime does
    /// so on one thread. The ONNX model accepts infinities, which scoring rejects, and NaN in a model that rejects it.
    /// Class names are the metadata entry `classes`, as a JSON list, and so are the `feature_names` where they
    /// are known.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a model of more than 2 GiB, which protobuf cannot hold.
    ///
    /// # Source
    ///
    /// ONNX, *Operator schemas*, `ai.onnx.ml.TreeEnsemble`, and `onnx.proto`.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let k = self.outputs.len();
        let rows = |name, kind, columns: usize| {
            let dimensions = Message::default()
                .message(1, Message::default().text(2, "rows"))
                .message(1, Message::default().int(1, columns as u64));
            let tensor = Message::default().int(1, kind).message(2, dimensions);
            Message::default().text(1, name).message(2, Message::default().message(1, tensor))
        };
        let mut graph = Message::default()
            .text(2, "tree_ensemble")
            .message(11, rows("x", FLOAT, self.n_features))
            .message(12, rows("margins", DOUBLE, k))
            .message(12, rows("probabilities", DOUBLE, self.classes.len()))
            .message(1, operator("Cast", &["x"], "wide").message(5, attribute("to", 2).int(3, DOUBLE)));
        let input = Input::new(self);
        graph = input.parts().into_iter().fold(graph, |graph, (field, part)| graph.message(field, part));
        let sums = if self.averaged { "sums" } else { "margins" };
        graph = graph.message(1, Table::new(self, &input).operator(input.name(), k, sums));
        if self.averaged {
            let divisors: Vec<u8> =
                self.outputs().flat_map(|(_, _, divisor)| divisor.to_le_bytes()).collect();
            graph = graph
                .message(5, tensor(&[k], DOUBLE, &divisors).text(8, "divisors"))
                .message(1, operator("Div", &["sums", "divisors"], "margins"));
        }
        for operator in self.probability_operators() {
            graph = graph.message(1, operator);
        }
        if self.link != Link::Softmax && k == 1 {
            graph = graph.message(5, tensor(&[1], DOUBLE, &1_f64.to_le_bytes()).text(8, "one"));
        }
        let names = |key, names: &[String]| {
            let json = serde_json::Value::from(names).to_string();
            Message::default().text(1, key).text(2, &json)
        };
        let version = |domain, version| Message::default().text(1, domain).int(2, version);
        let mut model = Message::default()
            .int(1, IR_VERSION)
            .text(2, "qosguard")
            .message(7, graph)
            .message(8, version("", ONNX_VERSION))
            .message(8, version("ai.onnx.ml", ML_VERSION))
            .message(14, names("classes", &self.classes));
        if let Some(features) = &self.feature_names {
            model = model.message(14, names("feature_names", features));
        }
        let bytes = model.finish();
        if bytes.len() > MAX_BYTES {
            let expected = format!("small enough for {MAX_BYTES} bytes of ONNX");
            return Err(Error::invalid("trees", expected, format!("{} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// What makes `probabilities` of `margins`; for one output, `one` is 1.
    fn probability_operators(&self) -> Vec<Message> {
        let both = |attack| {
            let axis = attribute("axis", 2).int(3, 1);
            [
                operator("Sub", &["one", attack], "clean"),
                operator("Concat", &["clean", attack], "probabilities").message(5, axis),
            ]
        };
        match self.link {
            Link::Logistic => {
                [operator("Sigmoid", &["margins"], "attack")].into_iter().chain(both("attack")).collect()
            }
            Link::Mean if self.outputs.len() == 1 => both("margins").into(),
            Link::Mean => vec![operator("Identity", &["margins"], "probabilities")],
            Link::Softmax => {
                let axis = attribute("axis", 2).int(3, 1);
                vec![operator("Softmax", &["margins"], "probabilities").message(5, axis)]
            }
        }
    }
}

/// `NodeProto` without attributes.
fn operator(name: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    node.text(2, output).text(4, name)
}

/// `AttributeProto` of this type without its value.
fn attribute(name: &str, kind: u64) -> Message {
    Message::default().text(1, name).int(20, kind)
}

/// `TensorProto`.
fn tensor(shape: &[usize], kind: u64, bytes: &[u8]) -> Message {
    Message::default().ints(1, shape.iter().map(|&n| n as u64)).int(2, kind).bytes(9, bytes)
}

/// The attributes of the operator: splits and leaves, numbered apart.
#[derive(Default)]
struct Table {
    roots: Vec<u64>,
    features: Vec<u64>,
    thresholds: Vec<u8>,
    modes: Vec<u8>,
    /// Sets one after the other, a NaN behind each.
    members: Vec<u8>,
    missing_left: Vec<u64>,
    /// The left child, and whether it is a leaf.
    left: Vec<(u64, bool)>,
    right: Vec<(u64, bool)>,
    targets: Vec<u64>,
    values: Vec<u8>,
}

impl Table {
    fn new(model: &TreeEnsemble, input: &Input) -> Self {
        let mut table = Self::default();
        for (k, (base, trees, _)) in model.outputs().enumerate() {
            // The base is the first tree, so that the order of the additions stays.
            let leaf = [Node::Leaf { value: base, cover: 0.0 }];
            let first = (base != 0.0 || trees.len() == 0).then_some(&leaf[..]);
            for tree in first.into_iter().chain(trees.iter()) {
                table.push(tree, k as u64, trees.categories(), model, input);
            }
        }
        table
    }

    /// Adds a tree; one that is a leaf becomes a split with that leaf on both sides.
    fn push(&mut self, tree: &[Node], target: u64, sets: &[Categories], model: &TreeEnsemble, input: &Input) {
        let first_split = self.features.len() as u64;
        let first_leaf = self.targets.len() as u64;
        self.roots.push(first_split);
        // Where each node goes: its number among the splits or among the leaves.
        let (mut splits, mut leaves) = (first_split, first_leaf);
        let places: Vec<(u64, bool)> = tree
            .iter()
            .map(|node| {
                let leaf = matches!(node, Node::Leaf { .. });
                let next = if leaf { &mut leaves } else { &mut splits };
                *next += 1;
                (*next - 1, leaf)
            })
            .collect();
        for (i, node) in tree.iter().enumerate() {
            match *node {
                Node::Leaf { value, .. } => {
                    self.targets.push(target);
                    self.values.extend(value.to_le_bytes());
                    if tree.len() == 1 {
                        self.split(0, 0.0, BRANCH_LEQ, true, places[0], places[0]);
                    }
                }
                Node::Split { feature, test, missing_left, right, .. } => {
                    let (threshold, mode) = match test {
                        Test::AtMost(threshold) => (model.exact_threshold(feature, threshold), BRANCH_LEQ),
                        Test::OneOf(set) => {
                            let members = sets[set as usize].iter().map(f64::from);
                            let before = self.members.len();
                            self.members.extend(members.flat_map(f64::to_le_bytes));
                            if self.members.len() == before {
                                // No set is empty there; nothing is at most this.
                                (f64::MIN, BRANCH_LEQ)
                            } else {
                                self.members.extend(f64::NAN.to_le_bytes());
                                (0.0, BRANCH_MEMBER)
                            }
                        }
                    };
                    let (left, right) = (places[i + 1], places[right as usize]);
                    let column = if mode == BRANCH_MEMBER { input.whole(feature) } else { feature };
                    self.split(column, threshold, mode, missing_left, left, right);
                }
            }
        }
    }

    fn split(
        &mut self,
        feature: u32,
        threshold: f64,
        mode: u8,
        missing_left: bool,
        left: (u64, bool),
        right: (u64, bool),
    ) {
        self.features.push(u64::from(feature));
        self.thresholds.extend(threshold.to_le_bytes());
        self.modes.push(mode);
        self.missing_left.push(u64::from(missing_left));
        self.left.push(left);
        self.right.push(right);
    }

    /// The operator, whose sums are `output`.
    fn operator(&self, input: &str, n_targets: usize, output: &str) -> Message {
        let ints = |name, values: Vec<u64>| attribute(name, 7).ints(8, values);
        let doubles = |name, bytes: &[u8]| {
            attribute(name, 4).message(5, tensor(&[bytes.len() / size_of::<f64>()], DOUBLE, bytes))
        };
        let number = |name, value| attribute(name, 2).int(3, value);
        let children = |children: &[(u64, bool)]| children.iter().map(|&(child, _)| child).collect();
        let leaves = |children: &[(u64, bool)]| children.iter().map(|&(_, leaf)| u64::from(leaf)).collect();
        let mut attributes = vec![
            // SUM, and no transformation behind it.
            number("aggregate_function", 1),
            number("post_transform", 0),
            number("n_targets", n_targets as u64),
            ints("tree_roots", self.roots.clone()),
            ints("nodes_featureids", self.features.clone()),
            doubles("nodes_splits", &self.thresholds),
            attribute("nodes_modes", 4).message(5, tensor(&[self.modes.len()], UINT8, &self.modes)),
            ints("nodes_missing_value_tracks_true", self.missing_left.clone()),
            ints("nodes_truenodeids", children(&self.left)),
            ints("nodes_trueleafs", leaves(&self.left)),
            ints("nodes_falsenodeids", children(&self.right)),
            ints("nodes_falseleafs", leaves(&self.right)),
            ints("leaf_targetids", self.targets.clone()),
            doubles("leaf_weights", &self.values),
        ];
        if !self.members.is_empty() {
            attributes.push(doubles("membership_values", &self.members));
        }
        let node = operator("TreeEnsemble", &[input], output).text(7, "ai.onnx.ml");
        attributes.into_iter().fold(node, |node, attribute| node.message(5, attribute))
    }
}
