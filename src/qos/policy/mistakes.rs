//! All mistakes of a policy file at once.
//!
//! Reading stops at the first value that does not fit. Here that value is replaced by one that fits, or removed with what holds it, and the
//! file is read again, until it can be read. Then all fields are checked. A mistake that only follows from a replaced value is left out.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::locate::{Step, line_of, steps};
use super::text::{PolicyFormat, parse, read_file};
use super::{Policy, PolicyConfig};
use crate::error::{Error, Problem, Result};
use crate::settings;

/// Most mistakes that are collected from one file.
const MAX_MISTAKES: usize = 100;

/// One mistake of a policy file.
///
/// `Display` is one line with the place: `3:7: …` for line 3, column 7.
///
/// ```
/// use qosguard::qos::{Policy, PolicyFormat};
///
/// let text = "version = 1\ndry_run = 3\nallow = ['10.0.0.1/8', '::1']\n[bands]\nmedium = 2.0\nhigh = 1e-4\ncritical = 1e-5\n";
/// let mistakes = Policy::check_text(text, PolicyFormat::Toml)?;
/// assert_eq!(mistakes.len(), 3);
/// assert_eq!(mistakes[0].to_string(), "2:11: `dry_run` must be true or false, got 3");
/// assert_eq!((mistakes[1].line, mistakes[1].column, mistakes[1].path.as_str()), (Some(3), Some(10), "allow[0]"));
/// assert!(mistakes[2].to_string().starts_with("5:10: `bands.medium` must be above 0 and below 1"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyMistake {
    /// Line of the value in the text, from 1, or of the part of the text where it is missing; `None` where it is not known.
    pub line: Option<u64>,
    /// Column of the value in characters, from 1.
    pub column: Option<u64>,
    /// Path of the field, such as `rules[2].then.ttl_s`; `file` for the text as a whole.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for PolicyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{line}:{column}: ")?,
            (Some(line), None) => write!(f, "{line}: ")?,
            _ => {}
        }
        write!(f, "`{}` {}", self.path, self.problem)
    }
}

impl Serialize for PolicyMistake {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let value = json!({
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "problem": self.problem.code(),
            "expected": self.problem.expected(),
            "got": self.problem.got(),
            "message": format!("`{}` {}", self.path, self.problem),
        });
        value.serialize(serializer)
    }
}

impl Policy {
    /// All mistakes of a policy file, at most 100, in the order of the lines; none for a file that [`Policy::load`] reads.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be read, [`Error::Unsupported`] for YAML in a build without the cargo feature `yaml`.
    pub fn check(path: impl AsRef<Path>) -> Result<Vec<PolicyMistake>> {
        match read_file(path.as_ref()) {
            Ok((text, format)) => Self::check_text(&text, format),
            Err(error) => Ok(vec![mistake_of(error)?]),
        }
    }

    /// All mistakes of a policy in a text, as [`Policy::check`].
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for YAML in a build without the cargo feature `yaml`.
    pub fn check_text(text: &str, format: PolicyFormat) -> Result<Vec<PolicyMistake>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = match parse("policy", text, format) {
            Ok(_) => return Ok(Vec::new()),
            Err(error) => mistake_of(error)?,
        };
        let found =
            format.is_cheap(text).then(|| format.value(text)).flatten().map(all_of).unwrap_or_default();
        let mut mistakes: Vec<PolicyMistake> = found
            .into_iter()
            .map(|(path, problem)| {
                let position = line_of(&path, |at| format.position_at(text, at));
                let (line, column) = position.unzip();
                PolicyMistake { line, column, path, problem }
            })
            .collect();
        if !mistakes.iter().any(|mistake| is_related(&mistake.path, &first.path)) {
            mistakes.push(first);
        }
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        Ok(mistakes)
    }
}

/// An error about a policy as a mistake; another error is returned.
fn mistake_of(error: Error) -> Result<PolicyMistake> {
    match error {
        Error::Policy { line, path, problem, .. } => Ok(PolicyMistake { line, column: None, path, problem }),
        other => Err(other),
    }
}

/// The path and the problem of each mistake.
fn all_of(mut value: Value) -> Vec<(String, Problem)> {
    let mut mistakes: Vec<(String, Problem)> = Vec::new();
    let known = |mistakes: &[(String, Problem)], path: &str| {
        mistakes.iter().any(|(other, _)| is_related(other, path))
    };
    // Each round removes a value or makes one fit, so the rounds end; the bound is for texts that are made to take long.
    for _ in 0..3 * MAX_MISTAKES {
        if mistakes.len() >= MAX_MISTAKES {
            return mistakes;
        }
        match read(&value) {
            Err((path, problem)) => {
                let repaired = repair(&mut value, &path, &problem);
                if !known(&mistakes, &path) {
                    mistakes.push((path, problem));
                }
                if !repaired {
                    return mistakes;
                }
            }
            Ok(config) => {
                // A replaced action has no relation to the order of the actions.
                let has_order = !mistakes.iter().any(|(path, _)| path.contains("actions"));
                for error in Policy::mistakes_of(&config, "policy", has_order) {
                    if let Error::Policy { path, problem, .. } = error
                        && !known(&mistakes, &path)
                        && mistakes.len() < MAX_MISTAKES
                    {
                        mistakes.push((path, problem));
                    }
                }
                return mistakes;
            }
        }
    }
    mistakes
}

/// Whether one path is the other, or leads to it.
fn is_related(one: &str, other: &str) -> bool {
    let leads = |short: &str, long: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    leads(one, other) || leads(other, one)
}

fn read(value: &Value) -> std::result::Result<PolicyConfig, (String, Problem)> {
    serde_path_to_error::deserialize::<_, PolicyConfig>(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { &path };
        settings::problem(path, &error.inner().to_string(), "file")
    })
}

/// Makes the value at a path fit, or removes it. Returns whether the value changed.
fn repair(value: &mut Value, path: &str, problem: &Problem) -> bool {
    let steps = steps(path);
    let Some((last, parents)) = steps.split_last() else { return false };
    if matches!(problem, Problem::Unknown { .. }) {
        return remove(value, &steps);
    }
    // The other settings of an action depend on its name.
    let is_action = *last == Step::Key("action") && !parents.is_empty();
    let candidates = [
        json!(1),
        json!(true),
        json!("low"),
        json!("192.0.2.1"),
        json!("08:00"),
        json!("UTC"),
        json!("mon"),
        json!("telephony"),
        json!("mirror"),
        json!("inbound"),
        json!([]),
        json!({}),
        json!({"service": "a"}),
        json!({"action": "allow"}),
    ];
    for candidate in candidates.into_iter().filter(|_| !is_action) {
        let mut changed = value.clone();
        if !set(&mut changed, &steps, candidate) {
            break;
        }
        let fits = match read(&changed) {
            Ok(_) => true,
            Err((next, _)) => !is_related(&next, path),
        };
        if fits {
            *value = changed;
            return true;
        }
    }
    let whole = if is_action || *problem == Problem::Missing { parents } else { &steps[..] };
    remove(value, whole)
}

/// The value at some steps.
fn at<'v>(value: &'v mut Value, steps: &[Step<'_>]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(*key),
        // One value may take the place of a list of one.
        Step::Index(0) if !value.is_array() => Some(value),
        Step::Index(index) => value.get_mut(*index),
    })
}

fn set(value: &mut Value, steps: &[Step<'_>], new: Value) -> bool {
    let Some((last, parents)) = steps.split_last() else { return false };
    match (at(value, parents), last) {
        (Some(Value::Object(object)), Step::Key(key)) => {
            object.insert((*key).to_owned(), new);
            true
        }
        (Some(Value::Array(items)), Step::Index(index)) => {
            items.get_mut(*index).map(|slot| *slot = new).is_some()
        }
        _ => false,
    }
}

/// Removes a key. The indices of a list stay as they are, so what holds an element of a list is removed with it.
fn remove(value: &mut Value, steps: &[Step<'_>]) -> bool {
    let Some((last, parents)) = steps.split_last() else { return false };
    let removed = match (at(value, parents), last) {
        (Some(Value::Object(object)), Step::Key(key)) => object.remove(*key).is_some(),
        _ => false,
    };
    removed || remove(value, parents)
}
