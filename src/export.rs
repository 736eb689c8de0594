//! What the events for other systems have in common.

use serde_json::Value;

/// Name of the vendor and the product in every format.
pub(crate) const PRODUCT: &str = "qosguard";
/// Version of the product in every format.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Version of the Open Cybersecurity Schema Framework.
pub(crate) const OCSF_SCHEMA: &str = "1.5.0";

/// A value without the fields that are null, and without empty lists and objects.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, without_nulls(value)));
            fields.filter(|(_, value)| !is_empty(value)).collect()
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        value => value,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
