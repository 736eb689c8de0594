//! Finds lists in the place of named fields in a file.

use serde::Serialize;
use serde_json::Value;

/// The path of a list in the place of named fields, if there is one.
///
/// serde accepts a list for a struct, with its fields in the order of the code, which must not become a file format. The
/// result is therefore serialised again and compared with the input: a list must still be a list.
pub(crate) fn list_for_fields<T: Serialize>(given: &Value, read: &T) -> Option<String> {
    let read = serde_json::to_value(read).unwrap_or_default();
    find(given, &read, String::new())
}

fn find(given: &Value, read: &Value, path: String) -> Option<String> {
    match (given, read) {
        (Value::Array(_), Value::Object(_)) => Some(if path.is_empty() { "file".to_owned() } else { path }),
        (Value::Array(given), Value::Array(read)) => {
            let mut pairs = given.iter().zip(read).enumerate();
            pairs.find_map(|(i, (given, read))| find(given, read, format!("{path}[{i}]")))
        }
        (Value::Object(given), Value::Object(read)) => given.iter().find_map(|(key, given)| {
            let dot = if path.is_empty() { "" } else { "." };
            find(given, read.get(key)?, format!("{path}{dot}{key}"))
        }),
        // A single value may replace a list of one value.
        (Value::Object(_), Value::Array(read)) => find(given, read.first()?, path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_list_for_fields_is_found() {
        let read = json!({"a": {"x": 1, "new": 2}, "b": [{"y": 3}], "c": [1, 2], "d": null});
        let place = |given: Value| list_for_fields(&given, &read);
        assert_eq!(place(read.clone()), None);
        assert_eq!(place(json!({"a": {"x": 1}, "b": {"y": 3}, "c": 1})), None);
        assert_eq!(place(json!([1])).as_deref(), Some("file"));
        assert_eq!(place(json!({"a": [1, 2]})).as_deref(), Some("a"));
        assert_eq!(place(json!({"c": [1, 2], "b": [[3]]})).as_deref(), Some("b[0]"));
    }
}
