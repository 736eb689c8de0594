//! Models that other libraries have trained.

mod formats;
mod lightgbm;
mod sklearn;
mod ubj;
mod xgboost;
mod xgboost_categories;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::detect::tree::{Node, Test};
use crate::error::{Error, Result};

/// Larger files are rejected before they are read.
const MAX_BYTES: u64 = 1 << 30;

/// Reads a model file.
fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        let expected = format!("a file of at most {MAX_BYTES} bytes");
        return Err(Error::invalid(path.display().to_string(), expected, "a larger one"));
    }
    Ok(bytes)
}

/// [`Error::BadRecord`] with the value cut to a readable length.
fn bad(place: &str, line: u64, column: &str, value: &str, expected: impl Into<String>) -> Error {
    let value = value.chars().take(40).collect();
    Error::BadRecord { place: place.into(), line, column: column.into(), value, expected: expected.into() }
}

/// A node whose children have the numbers that its library gave them.
enum Raw {
    Leaf { value: f64, cover: f32 },
    Split { feature: u32, test: Test, missing_left: bool, left: usize, right: usize, cover: f32 },
}

/// The tree below node `root` in preorder.
///
/// Errors of `node` are returned; a node that is reached twice gives the error `again`, so that no tree is larger
/// than its file and the walk ends.
fn preorder(
    nodes: usize,
    root: usize,
    node: impl Fn(usize) -> Result<Raw>,
    again: impl Fn(usize) -> Error,
) -> Result<Vec<Node>> {
    let mut seen = vec![false; nodes];
    let mut tree = Vec::new();
    // Nodes to come, and the split whose right child each is.
    let mut pending = vec![(root, None)];
    while let Some((id, parent)) = pending.pop() {
        match seen.get_mut(id) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(again(id)),
        }
        let at = tree.len();
        if let Some(Node::Split { right, .. }) = parent.and_then(|parent: usize| tree.get_mut(parent)) {
            *right = at as u32;
        }
        tree.push(match node(id)? {
            Raw::Leaf { value, cover } => Node::Leaf { value, cover },
            Raw::Split { feature, test, missing_left, left, right, cover } => {
                pending.push((right, Some(at)));
                pending.push((left, None));
                Node::Split { feature, test, missing_left, right: 0, cover }
            }
        });
    }
    Ok(tree)
}

/// Names of classes of which only the number is known.
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_rejected() {
        let split = |left, right| {
            let (test, missing_left) = (Test::AtMost(0.0), true);
            Ok(Raw::Split { feature: 0, test, missing_left, left, right, cover: 1.0 })
        };
        let leaf = || Ok(Raw::Leaf { value: 1.0, cover: 1.0 });
        let again = |id| Error::invalid("node", "reached once", id);
        let circle = preorder(3, 0, |id| if id < 2 { split(1 - id, 2) } else { leaf() }, again);
        assert_eq!(circle.unwrap_err().to_string(), "`node` must be reached once, got 0");
        let missing = preorder(2, 0, |id| if id < 1 { split(1, 2) } else { leaf() }, again);
        assert_eq!(missing.unwrap_err().to_string(), "`node` must be reached once, got 2");
        let tree = preorder(3, 0, |id| if id < 1 { split(2, 1) } else { leaf() }, again).unwrap();
        assert!(matches!(tree[0], Node::Split { right: 2, .. }));
    }
}
