//! LightGBM's text format.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::str::FromStr;

use super::{Raw, bad, formats, numbered, preorder, read};
use crate::detect::tree::{Categories, Test};
use crate::detect::tree_ensemble::{Link, Missing, Output, Thresholds, TreeEnsemble};
use crate::error::{Error, Result};

/// Values this near to 0 are 0 to LightGBM.
const ZERO: f32 = 1e-35;

/// Bits 2 and 3 of a decision type where 0 is a missing value.
const ZERO_IS_MISSING: u8 = 1;

/// The bit of splits that test categories, in a set of missing types.
const CATEGORIES: u8 = 1 << 4;

impl TreeEnsemble {
    /// Reads a model that LightGBM has written as text (`Booster.save_model`, `model_to_string`; versions v3
    /// and v4), with the objectives `binary`, `cross_entropy` and `multiclass`.
    ///
    /// Margins are LightGBM's raw scores to the last bit: leaf values are summed in f64 in the same order, and every
    /// value takes the same side of each threshold as there. LightGBM compares 64-bit numbers, so pass them to
    /// [`Detector::score_f64`](crate::Detector::score_f64) where 32 bits are not enough.
    /// Where `sigmoid` is not 1 the leaf values are multiplied by it, so that margins are log-odds. A random
    /// forest (`average_output`) is averaged, as its probabilities are there. NaN goes where LightGBM sends it,
    /// which takes it for 0 where the feature had no missing value in training; with `zero_as_missing`, 0 is a
    /// missing value. Classes are called `0`, `1`, …; see [`TreeEnsemble::with_classes`].
    ///
    /// Columns of categories hold their codes. In a model that was trained on a pandas frame, the code of a
    /// category is its position in the list of its column in `pandas_categorical`, the last line of the file.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] by line and key for text that is not such a model; [`Error::InvalidArgument`] by
    /// tree, node and key for nodes that make no tree, and for what is rejected: other objectives, linear trees,
    /// and features of which some splits take 0 for missing and some do not.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{Detector, TreeEnsemble};
    /// use qosguard::ndarray::array;
    ///
    /// let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\
    ///     objective=binary sigmoid:1\nfeature_names=bytes\n\n\
    ///     Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=1.5\ndecision_type=2\nleft_child=-1\n\
    ///     right_child=-2\nleaf_value=-0.5 2\nleaf_count=30 20\ninternal_count=50\nis_linear=0\nshrinkage=1\n\n\
    ///     end of trees\n";
    /// let model = TreeEnsemble::from_lightgbm(text)?;
    /// assert_eq!(model.score(array![[1.5], [1.6]].view())?, [-0.5, 2.0]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn from_lightgbm(text: &str) -> Result<Self> {
        Self::from_lightgbm_slice(text.as_bytes())
    }

    /// [`TreeEnsemble::from_lightgbm`] on bytes.
    ///
    /// # Errors
    ///
    /// Also [`Error::BadRecord`] that names the format of bytes that are not text.
    pub fn from_lightgbm_slice(bytes: &[u8]) -> Result<Self> {
        parse(bytes, "LightGBM model")
    }

    /// [`TreeEnsemble::from_lightgbm`] on a file of at most 1 GiB.
    ///
    /// # Errors
    ///
    /// Also [`Error::Io`].
    pub fn from_lightgbm_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        parse(&read(path)?, &path.display().to_string())
    }
}

fn parse(bytes: &[u8], place: &str) -> Result<TreeEnsemble> {
    let text = formats::text(bytes, place, "a LightGBM model as text (`Booster.save_model`)")?;
    let mut sections = sections(text, place)?.into_iter();
    let Some(header) = sections.next().filter(|header| header.fields.contains_key("tree")) else {
        return Err(bad(place, 1, "", text.lines().next().unwrap_or_default(), "`tree`"));
    };
    let version = header.text("version")?;
    if !["v3", "v4"].contains(&version) {
        return Err(header.bad("version", version, "`v3` or `v4`"));
    }
    let n_features = header.number::<usize>("max_feature_idx")?.saturating_add(1);
    let n_outputs: usize = header.number("num_tree_per_iteration")?;
    let (link, sigmoid) = objective(&header)?;
    let classes = if link == Link::Logistic { 2 } else { header.number("num_class")? };
    if n_outputs != if link == Link::Logistic { 1 } else { classes } {
        return Err(header.bad("num_tree_per_iteration", &n_outputs.to_string(), "one for each output"));
    }
    // Every output has a tree or more.
    if n_outputs == 0 || sections.len() == 0 || !sections.len().is_multiple_of(n_outputs) {
        let expected = format!("a positive multiple of {n_outputs}");
        return Err(Error::invalid(format!("{place}: trees"), expected, sections.len()));
    }
    let splits = Splits::new(sections.as_slice())?;
    let empty = || Output { base: 0.0, trees: Vec::new(), categories: Vec::new() };
    let mut outputs: Vec<Output> = (0..n_outputs).map(|_| empty()).collect();
    for (i, section) in sections.enumerate() {
        tree(&section, n_features, sigmoid, &splits, &mut outputs[i % n_outputs])?;
    }
    let Splits { types, thresholds } = splits;
    let model = TreeEnsemble::from_outputs(n_features, numbered(classes), outputs, link)?;
    let model = model.with_thresholds(thresholds);
    let model = if header.fields.contains_key("average_output") { model.averaged()? } else { model };
    let names = header.text("feature_names")?.split(' ').map(str::to_owned);
    let model = model.with_feature_names(names.collect())?;
    if !types.values().any(|&types| types == 1 << ZERO_IS_MISSING) {
        return Ok(model);
    }
    let kept = types.iter().filter(|&(_, &types)| types != 1 << ZERO_IS_MISSING).map(|(&feature, _)| feature);
    model.with_missing(Missing { low: -ZERO, high: ZERO, kept: kept.collect() })
}

/// What the splits of all trees are, by feature.
struct Splits {
    /// How they take missing values, as a set of bits: `1 << type`, or [`CATEGORIES`].
    types: BTreeMap<u32, u8>,
    /// The thresholds that they compare numbers with.
    thresholds: Thresholds,
}

impl Splits {
    fn new(sections: &[Section<'_>]) -> Result<Self> {
        let (mut types, mut thresholds) = (BTreeMap::new(), Vec::new());
        for section in sections.iter().filter(|section| section.fields.contains_key("split_feature")) {
            let features: Vec<u32> = section.list("split_feature", None)?;
            let numbers: Vec<f64> = section.list("threshold", Some(features.len()))?;
            let decisions: Vec<u8> = section.list("decision_type", Some(features.len()))?;
            for (node, ((feature, number), decision)) in
                features.into_iter().zip(numbers).zip(decisions).enumerate()
            {
                let is_category = decision & 1 == 1;
                let bit = if is_category { CATEGORIES } else { 1 << (decision >> 2 & 3) };
                *types.entry(feature).or_default() |= bit;
                if !is_category {
                    thresholds.push((feature, compared(section, node, number)?));
                }
            }
        }
        Ok(Self { types, thresholds: Thresholds::new(thresholds)? })
    }
}

/// What a number is compared with where the file has this threshold.
///
/// LightGBM reads values this near to 0 as 0, so no threshold lies between them.
fn compared(section: &Section<'_>, node: usize, threshold: f64) -> Result<f64> {
    let zero = f64::from(ZERO);
    if threshold.is_nan() || threshold == f64::NEG_INFINITY {
        return Err(section.refused("threshold", node, "a number that a value can be at most", threshold));
    }
    Ok(match threshold {
        _ if threshold.abs() > zero => threshold.min(f64::MAX),
        _ if threshold >= 0.0 => zero,
        _ => (-zero).next_down(),
    })
}

/// What the margins mean, and what they are multiplied by.
fn objective(header: &Section<'_>) -> Result<(Link, f64)> {
    let text = header.text("objective")?;
    let mut words = text.split(' ');
    match words.next() {
        Some("multiclass" | "softmax") => Ok((Link::Softmax, 1.0)),
        Some("cross_entropy" | "xentropy") => Ok((Link::Logistic, 1.0)),
        Some("binary") => {
            let sigmoid = words.find_map(|word| word.strip_prefix("sigmoid:")).unwrap_or("1");
            match sigmoid.parse() {
                Ok(sigmoid) if sigmoid > 0.0 && sigmoid < f64::INFINITY => Ok((Link::Logistic, sigmoid)),
                _ => Err(header.bad("objective", text, "`binary` with a sigmoid above 0")),
            }
        }
        _ => Err(Error::invalid(
            format!("{}: objective", header.place),
            "`binary`, `cross_entropy` or `multiclass`",
            text,
        )),
    }
}

/// Adds the tree of a section to its output.
fn tree(
    section: &Section<'_>,
    n_features: usize,
    sigmoid: f64,
    all: &Splits,
    output: &mut Output,
) -> Result<()> {
    if section.fields.contains_key("is_linear") && section.text("is_linear")? != "0" {
        return Err(section.refused("is_linear", 0, "0: linear trees are not supported", "1"));
    }
    let values: Vec<f64> = section.list("leaf_value", None)?;
    let (leaves, splits) = (values.len(), values.len().saturating_sub(1));
    if leaves == 0 || section.number::<usize>("num_leaves")? != leaves {
        return Err(section.bad("num_leaves", section.text("num_leaves")?, "the number of leaf values"));
    }
    let features: Vec<u32> = section.list("split_feature", Some(splits))?;
    let thresholds: Vec<f64> = section.list("threshold", Some(splits))?;
    let decisions: Vec<u8> = section.list("decision_type", Some(splits))?;
    let left_children: Vec<i64> = section.list("left_child", Some(splits))?;
    let right_children: Vec<i64> = section.list("right_child", Some(splits))?;
    let internal_counts = section.counts("internal_count", splits)?;
    let leaf_counts = section.counts("leaf_count", leaves)?;
    let first_set = output.categories.len() as u32;
    let sets = sets(section)?;

    let node = |id: usize| {
        if id >= splits {
            let (value, cover) = (values[id - splits] * sigmoid, leaf_counts[id - splits]);
            return Ok(Raw::Leaf { value, cover });
        }
        let feature = features[id];
        if feature as usize >= n_features {
            return Err(section.refused("split_feature", id, format!("below {n_features}"), feature));
        }
        // A leaf is written as its complement.
        let child = |key, child: i64| match usize::try_from(child) {
            Ok(split) if split < splits => Ok(split),
            Err(_) if (!child as usize) < leaves => Ok(splits + !child as usize),
            _ => {
                let expected = format!("a split below {splits}, or a leaf from -1 to -{leaves}");
                Err(section.refused(key, id, expected, child))
            }
        };
        let left = child("left_child", left_children[id])?;
        let right = child("right_child", right_children[id])?;
        let (decision, threshold) = (decisions[id], thresholds[id]);
        let (test, missing_left) = if decision & 1 == 1 {
            if !(0.0..sets.len() as f64).contains(&threshold) {
                return Err(section.refused(
                    "threshold",
                    id,
                    format!("a set below {}", sets.len()),
                    threshold,
                ));
            }
            (Test::OneOf(first_set + threshold as u32), false)
        } else {
            let at_most = all.thresholds.replacement(feature, compared(section, id, threshold)?);
            let missing_left = missing_left(section, id, decision, threshold, all.types.get(&feature))?;
            // Every threshold of the file has a replacement.
            (Test::AtMost(at_most.unwrap_or(f32::NAN)), missing_left)
        };
        Ok(Raw::Split { feature, test, missing_left, left, right, cover: internal_counts[id] })
    };
    let again =
        |id| section.refused("left_child", id, "a node that is reached once", "a circle or two parents");
    output.trees.push(preorder(splits + leaves, 0, node, again)?);
    output.categories.extend(sets);
    Ok(())
}

/// Whether NaN goes left of a threshold; `types` are the missing types of all splits of the feature.
fn missing_left(
    section: &Section<'_>,
    node: usize,
    decision: u8,
    threshold: f64,
    types: Option<&u8>,
) -> Result<bool> {
    let default_left = decision & 2 != 0;
    match decision >> 2 & 3 {
        0 => Ok(0.0 <= threshold),
        ZERO_IS_MISSING if types != Some(&(1 << ZERO_IS_MISSING)) => {
            let expected = "one that all splits of the feature have, where 0 is taken for missing";
            Err(section.refused("decision_type", node, expected, decision))
        }
        ZERO_IS_MISSING | 2 => Ok(default_left),
        _ => {
            let expected = "one that takes nothing, 0 or NaN for missing";
            Err(section.refused("decision_type", node, expected, decision))
        }
    }
}

/// The category sets of a tree: 32 categories a word, `cat_boundaries` holds the end of each set.
fn sets(section: &Section<'_>) -> Result<Vec<Categories>> {
    if section.number::<usize>("num_cat")? == 0 {
        return Ok(Vec::new());
    }
    let words: Vec<u32> = section.list("cat_threshold", None)?;
    let ends: Vec<usize> = section.list("cat_boundaries", None)?;
    let set = |(i, pair): (usize, &[usize])| {
        let range = pair[0]..pair[1];
        let Some(words) = words.get(range).filter(|words| words.len() * 32 <= Categories::END as usize)
        else {
            let expected = format!("ascending, at most {}, with categories below 65536", words.len());
            return Err(section.refused("cat_boundaries", i, expected, format!("{pair:?}")));
        };
        let bits = |(at, &word): (usize, &u32)| {
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 32 + bit)
        };
        Ok(Categories::new(words.iter().enumerate().flat_map(bits)))
    };
    ends.windows(2).enumerate().map(set).collect()
}

/// The lines `key=value` of the header or of a tree.
struct Section<'a> {
    place: &'a str,
    line: u64,
    /// Number of the tree; unused in the header.
    tree: usize,
    /// Line and value of each key.
    fields: HashMap<&'a str, (u64, &'a str)>,
}

/// The header and the trees, up to the line `end of trees`.
fn sections<'a>(text: &'a str, place: &'a str) -> Result<Vec<Section<'a>>> {
    let section = |line, tree| Section { place, line, tree, fields: HashMap::new() };
    let mut current = section(1, 0);
    let mut done = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_ascii();
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        match key {
            "" => {}
            "end of trees" => {
                done.push(current);
                return Ok(done);
            }
            "Tree" => {
                let next = section(number, done.len());
                done.push(std::mem::replace(&mut current, next));
                if value.parse() != Ok(current.tree) {
                    return Err(bad(place, number, key, value, current.tree.to_string()));
                }
            }
            _ => {
                if current.fields.insert(key, (number, value)).is_some() {
                    return Err(bad(place, number, key, value, "the only line with its key"));
                }
            }
        }
    }
    Err(bad(place, text.lines().count() as u64, "", "the end", "`end of trees`"))
}

impl<'a> Section<'a> {
    /// The value of a key.
    fn text(&self, key: &str) -> Result<&'a str> {
        let field = self.fields.get(key).map(|&(_, value)| value);
        field.ok_or_else(|| self.bad(key, "nothing", "there"))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T> {
        let value = self.text(key)?;
        value.parse().map_err(|_| self.bad(key, value, "a number"))
    }

    /// Numbers with spaces between them.
    fn list<T: FromStr>(&self, key: &str, length: Option<usize>) -> Result<Vec<T>> {
        let words = self.text(key)?.split_ascii_whitespace();
        let numbers = words.map(|word| word.parse().map_err(|_| self.bad(key, word, "a number")));
        let numbers = numbers.collect::<Result<Vec<T>>>()?;
        match length {
            Some(length) if numbers.len() != length => {
                Err(self.bad(key, &format!("{} numbers", numbers.len()), format!("a list of {length}")))
            }
            _ => Ok(numbers),
        }
    }

    /// Training rows of each node; 0 where the model does not hold them.
    fn counts(&self, key: &str, length: usize) -> Result<Vec<f32>> {
        if length == 0 || !self.fields.contains_key(key) {
            return Ok(vec![0.0; length]);
        }
        self.list(key, Some(length))
    }

    fn bad(&self, key: &str, value: &str, expected: impl Into<String>) -> Error {
        let line = self.fields.get(key).map_or(self.line, |&(line, _)| line);
        bad(self.place, line, key, value, expected)
    }

    fn refused(&self, key: &str, node: usize, expected: impl Into<String>, got: impl ToString) -> Error {
        Error::invalid(format!("{}: trees[{}].{key}[{node}]", self.place, self.tree), expected, got)
    }
}
