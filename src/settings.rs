//! Settings read from values such as JSON, with errors that name the setting by its path.
//!
//! serde's messages are taken apart here and nowhere else: the bindings, the command line and policy files use this module.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Problem, Result};
use crate::strict::list_for_fields;

/// Names of settings in earlier files, which are still read and which messages do not list.
const PREVIOUS: &str = "row_share feature_share least_rows hidden_codes error_form even_share lean novel_share blind_share kinds clean_kinds balance floor evenness own_loss without_timing beyond_range"; // old names

/// Maximum number of children of a value that are tried as the cause of an error, since each try reads the settings again.
const MAX_TRIED: usize = 1_000;

/// Reads settings, such as a detector's or a featurizer's, from a JSON value.
///
/// # Errors
///
/// [`Error::InvalidArgument`] with the path of the first setting that is wrong, such as `experts[1].training.epochs`, and the
/// [`Problem`].
///
/// # Examples
///
/// ```
/// use qosguard::detect::AnyDetectorConfig;
/// use qosguard::settings;
/// use serde_json::json;
///
/// let read = |value| settings::from_value::<AnyDetectorConfig>(value);
/// let member = |trees| json!({"name": "forest", "kind": "isolation_forest", "trees": trees});
/// read(json!({"kind": "ensemble", "members": [member(json!(50))]}))?;
/// let error = read(json!({"kind": "ensemble", "members": [member(json!("x"))]})).unwrap_err();
/// assert_eq!(error.to_string(), "`members[0].trees` must be a whole number from 0, got string \"x\"");
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn from_value<T: DeserializeOwned + Serialize>(value: Value) -> Result<T> {
    match read::<T>(&value) {
        Ok(settings) => match list_for_fields(&value, &settings) {
            None => Ok(settings),
            Some(path) => {
                let (expected, got) = ("an object with named settings".into(), "a list".into());
                Err(Error::InvalidArgument { path, problem: Problem::WrongType { expected, got } })
            }
        },
        Err(failure) => {
            let path = blame::<T>(&value, &failure);
            let (path, problem) = problem(&path, &failure.message, WHOLE);
            Err(Error::InvalidArgument { path, problem })
        }
    }
}

/// The path in an error about settings as a whole.
const WHOLE: &str = "settings";

/// The path of a setting of [`from_value`] where the settings are one argument of several.
///
/// # Examples
///
/// ```
/// assert_eq!(qosguard::settings::within("context", "windows[0]"), "context.windows[0]");
/// assert_eq!(qosguard::settings::within("context", "settings"), "context");
/// ```
pub fn within(argument: &str, path: &str) -> String {
    if path == WHOLE { argument.to_owned() } else { format!("{argument}.{path}") }
}

/// serde's message, and the path as far as serde follows it.
#[derive(PartialEq)]
struct Failure {
    path: String,
    message: String,
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(value).map_err(|error| Failure {
        path: match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        },
        message: error.into_inner().to_string(),
    })
}

/// The whole path of the value that fails.
///
/// serde loses the path inside an enum whose `kind` is a field. There the cause is found by trial: a child is the cause if the
/// error changes without it, and so on inside that child.
fn blame<T: DeserializeOwned>(value: &Value, failure: &Failure) -> String {
    let mut path = failure.path.clone();
    let Some(mut pointer) = pointer(&path) else { return path };
    // Only a buffered enum hides a path.
    if !value.pointer(&pointer).is_some_and(holds_kind) {
        return path;
    }
    while let Some(step) = culprit::<T>(value, &pointer, failure) {
        pointer.push('/');
        match step {
            Step::Key(key) => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                let dot = if path.is_empty() { "" } else { "." };
                path = format!("{path}{dot}{key}");
            }
            Step::Index(index) => {
                pointer.push_str(&index.to_string());
                path = format!("{path}[{index}]");
            }
        }
    }
    let wrong_kind = ["unknown variant `", "expected variant i"];
    if wrong_kind.iter().any(|words| failure.message.contains(words))
        && value.pointer(&pointer).is_some_and(|at| at.get("kind").is_some())
    {
        path = child(&path, "kind");
    }
    path
}

enum Step {
    Key(String),
    Index(usize),
}

/// The child of the value at a pointer whose removal changes the failure, among the first [`MAX_TRIED`]. The removal of a
/// required one always does, so such a child comes last, and is not the cause of a missing field.
fn culprit<T: DeserializeOwned>(value: &Value, pointer: &str, failure: &Failure) -> Option<Step> {
    let without = |remove: &dyn Fn(&mut Value)| {
        let mut copy = value.clone();
        copy.pointer_mut(pointer).map(remove);
        read::<T>(&copy).err()
    };
    match value.pointer(pointer)? {
        Value::Object(fields) => {
            let mut required = None;
            for key in fields.keys().filter(|key| *key != "kind").take(MAX_TRIED) {
                let error = without(&|object| drop(object.as_object_mut().map(|object| object.remove(key))));
                let missing = format!("missing field `{key}`");
                match error {
                    Some(same) if same == *failure => {}
                    Some(other) if other.message.contains(&missing) => required = required.or(Some(key)),
                    _ => return Some(Step::Key(key.clone())),
                }
            }
            required.filter(|_| !failure.message.contains("missing field")).map(|key| Step::Key(key.clone()))
        }
        Value::Array(items) => (0..items.len().min(MAX_TRIED))
            .find(|&index| {
                let error = without(&|list| drop(list.as_array_mut().map(|list| list.remove(index))));
                error.as_ref() != Some(failure)
            })
            .map(Step::Index),
        _ => None,
    }
}

fn holds_kind(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("kind") || fields.values().any(holds_kind),
        Value::Array(items) => items.iter().any(holds_kind),
        _ => false,
    }
}

/// A path such as `experts[1].training` as a JSON pointer; `None` if a step of it is not in the path itself.
fn pointer(path: &str) -> Option<String> {
    let steps = path.split(['.', '[']).filter(|step| !step.is_empty());
    steps.map(|step| (step != "?").then(|| format!("/{}", step.trim_end_matches(']')))).collect()
}

/// The path and the problem behind serde's message for the value at a path; an empty path is the whole, which has a name.
pub(crate) fn problem(path: &str, message: &str, whole: &str) -> (String, Problem) {
    let whole = if path.is_empty() { whole } else { path };
    // A setting that is checked while it is read writes our own message.
    if let Some((inner, rest)) = message.strip_prefix('`').and_then(|text| text.split_once("` must be ")) {
        let (expected, got) = rest.rsplit_once(", got ").unwrap_or((rest, ""));
        return (child(path, inner), Problem::out_of_domain(expected, got));
    }
    let quoted = || message.split('`').nth(1).unwrap_or_default();
    if message.contains("missing field `") {
        return (child(path, quoted()), Problem::Missing);
    }
    if message.contains("duplicate field `") || message.contains("duplicate key") {
        return (child(path, quoted()), Problem::Repeated);
    }
    if message.contains("unknown field `") {
        let known =
            message.split('`').skip(3).step_by(2).filter(|name| !PREVIOUS.split(' ').any(|old| old == *name));
        let known = known.map(str::to_owned).collect();
        return (child(path, quoted()), Problem::Unknown { known });
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length: ", "unknown variant "] {
        let Some((_, rest)) = message.split_once(kind) else { continue };
        let Some((got, expected)) = rest.split_once(", expected ") else { continue };
        let (expected, got) = (plain(expected.split(" at line ").next().unwrap_or_default()), written(got));
        let problem = match kind {
            "invalid type: " => Problem::WrongType { expected, got },
            _ => Problem::OutOfDomain { expected, got },
        };
        return (whole.to_owned(), problem);
    }
    // A type that reads several forms writes what they are.
    match message.strip_prefix("expected ") {
        Some(expected) => (whole.to_owned(), Problem::out_of_domain(expected, "another value")),
        None => (whole.to_owned(), Problem::out_of_domain("well-formed", message)),
    }
}

/// The path of a field in the value at a path, unless the path already ends with it.
fn child(path: &str, field: &str) -> String {
    if path.is_empty() || path == field || path.ends_with(&format!(".{field}")) {
        return if path.is_empty() { field.to_owned() } else { path.to_owned() };
    }
    format!("{path}.{field}")
}

/// serde's form of a value, without the type of a number.
fn written(got: &str) -> String {
    let got = got.replace('`', "");
    let number =
        ["integer ", "floating point ", "boolean "].into_iter().find_map(|kind| got.strip_prefix(kind));
    number.map_or_else(|| got.clone(), str::to_owned)
}

/// serde's names of types in plain words.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "string" => "text".into(),
        "a sequence" => "a list".into(),
        "a map" => "an object with named settings".into(),
        variant if variant.starts_with("variant i") => "the name of a kind".into(),
        tagged if tagged.starts_with("internally tagged enum") => "an object that names its `kind`".into(),
        named if named.starts_with("struct ") => "an object with named settings".into(),
        words => words.replace('`', ""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::detect::AnyDetectorConfig;
    use crate::features::TableEncoderConfig;

    fn failed<T: DeserializeOwned + Serialize>(value: Value) -> String {
        match from_value::<T>(value) {
            Err(error @ Error::InvalidArgument { .. }) => error.to_string(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("reads"),
        }
    }

    #[test]
    fn a_wrong_setting_is_named_at_any_depth() {
        let forest = |name: &str, value: Value| json!({"kind": "isolation_forest", name: value});
        let ensemble = |mut member: Value| {
            member["name"] = "a".into();
            json!({"kind": "ensemble", "members": [member]})
        };
        let number = "must be a whole number from 0, got string \"x\"";
        let read = failed::<AnyDetectorConfig>;
        assert_eq!(read(forest("trees", json!("x"))), format!("`trees` {number}"));
        assert_eq!(read(ensemble(forest("trees", json!("x")))), format!("`members[0].trees` {number}"));
        let twice = read(ensemble(ensemble(forest("trees", json!("x")))));
        assert_eq!(twice, format!("`members[0].members[0].trees` {number}"));
        let training = json!({"kind": "autoencoder", "training": {"epochs": "x"}});
        assert_eq!(read(ensemble(training)), format!("`members[0].training.epochs` {number}"));
        assert!(
            read(ensemble(forest("treez", json!(5)))).starts_with("`members[0].treez` is unknown here; ")
        );
        assert!(read(json!({"kind": "forest"})).starts_with("`kind` must be one of"));
        assert_eq!(read(json!({"trees": 5})), "`kind` is missing");
        assert_eq!(read(ensemble(json!({"trees": 5}))), "`members[0].kind` is missing");
        let schedule = |kind: Value| json!({"kind": "autoencoder", "training": {"schedule": {"kind": kind}}});
        assert!(
            read(schedule(json!("cosin"))).starts_with("`training.schedule.kind` must be one of constant")
        );
        let nested = read(ensemble(schedule(json!(5))));
        assert!(nested.starts_with("`members[0].training.schedule.kind` must be the name"), "{nested}");
        assert_eq!(read(json!([5])), "`[0]` must be the name of a kind, got 5");
    }

    #[test]
    fn a_list_that_is_too_long_to_try_is_named_as_a_whole() {
        let list = |n: usize| {
            let mut codes = vec![json!(0); n];
            codes.push(json!("x"));
            json!({"kind": "isolation_forest", "categorical": codes})
        };
        assert!(failed::<AnyDetectorConfig>(list(3)).starts_with("`categorical[3]` must be"));
        assert!(failed::<AnyDetectorConfig>(list(100_000)).starts_with("`categorical` must be"));
    }

    #[test]
    fn a_list_is_rejected_in_place_of_named_settings() {
        let categories = json!({"categories": ["one_hot", 5]});
        let error = failed::<TableEncoderConfig>(categories);
        assert!(error.starts_with("`categories` must be an object"), "{error}");
    }
}
