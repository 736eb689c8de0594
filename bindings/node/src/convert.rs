//! Numbers, words and settings between the two languages, without a silent change.

use napi::bindgen_prelude::{BigInt, Either, FromNapiValue, Object, Uint8Array};
use napi::{JsValue, ValueType};
use qosguard::{Error, Problem, settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Failure, Result, into_js_err, invalid};

/// Greatest whole number up to which every whole number is a JavaScript number.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A whole number of the wanted size.
///
/// JavaScript numbers are doubles; napi's own conversion would read −1 as 4294967295, 1.7 as 1 and NaN as 0.
pub(crate) fn whole<T: TryFrom<u64>>(name: &str, value: f64) -> Result<T> {
    let safe = value.fract() == 0.0 && (0.0..=MAX_SAFE).contains(&value);
    let number = if safe { T::try_from(value as u64).ok() } else { None };
    number.ok_or_else(|| invalid(name, "a whole number in range, from 0", value))
}

/// As [`whole`], or the default where the setting was left out.
pub(crate) fn whole_or<T: TryFrom<u64>>(name: &str, value: Option<f64>, default: T) -> Result<T> {
    value.map_or(Ok(default), |value| whole(name, value))
}

/// Labels of rows: booleans, or bytes, which are copied at once.
pub(crate) type Labels = Either<Uint8Array, Vec<bool>>;

/// Labels as the core takes them, true for attacks.
pub(crate) fn flags(labels: Labels) -> Result<Vec<bool>> {
    let bytes = match labels {
        Either::A(bytes) => bytes,
        Either::B(flags) => return Ok(flags),
    };
    match bytes.iter().position(|byte| *byte > 1) {
        Some(row) => Err(invalid(&format!("labels[{row}]"), "0 or 1", bytes[row])),
        None => Ok(bytes.iter().map(|byte| *byte == 1).collect()),
    }
}

/// An object of settings, each of which may be left out.
pub(crate) trait Settings: FromNapiValue + Default {
    /// The names that JavaScript may use.
    const KEYS: &'static [&'static str];
}

/// Reads settings. An unknown name is an error: a misspelt setting must not mean its default.
pub(crate) fn settings<T: Settings>(object: Option<Object<'_>>) -> Result<T> {
    let Some(object) = object else { return Ok(T::default()) };
    if object.to_unknown().get_type().map_err(refused)? != ValueType::Object {
        return Err(invalid("options", "an object", "something else"));
    }
    for key in Object::keys(&object).map_err(refused)? {
        if !T::KEYS.contains(&key.as_str()) {
            return Err(invalid("options", &format!("an object with only {}", T::KEYS.join(", ")), key));
        }
    }
    T::from_unknown(object.to_unknown()).map_err(refused)
}

/// napi's error about a value's type, as an invalid argument.
pub(crate) fn refused(error: napi::Error) -> Failure {
    Failure::new("invalid_argument", error.reason.clone())
}

/// The same plain record in the other crate's type; both are serde records with the same fields.
pub(crate) fn mirror<T: DeserializeOwned>(record: &impl Serialize) -> Result<T> {
    serde_json::to_value(record).and_then(serde_json::from_value).map_err(|error| {
        Failure::new("internal", format!("a record changed its shape: {error}; please report it"))
    })
}

/// A setting of the core in the form that files have.
pub(crate) fn parse<T: DeserializeOwned + Serialize>(name: &str, value: Value) -> Result<T> {
    settings::from_value(value)
        .map_err(|error| into_js_err(&in_camel_case(error.with_path(|path| settings::within(name, &path)))))
}

/// The error with the names of settings as JavaScript spells them.
pub(crate) fn in_camel_case(error: Error) -> Error {
    match error.with_path(|path| camel(&path)) {
        Error::InvalidArgument { path, problem: Problem::Unknown { known } } => {
            let known = known.iter().map(|name| camel(name)).collect();
            Error::InvalidArgument { path, problem: Problem::Unknown { known } }
        }
        other => other,
    }
}

/// `maxSamples` as `max_samples`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// `max_samples` as `maxSamples`.
pub(crate) fn camel(name: &str) -> String {
    let mut camel = String::new();
    let mut words = name.split('_');
    camel.extend(words.next());
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// The same value with other names of its fields and without those that are null; whole numbers become whole, which napi reads as floats beyond 32 bits.
pub(crate) fn rename(value: Value, name: fn(&str) -> String) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(|value| rename(value, name)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| (name(&key), rename(value, name))).collect()
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_SAFE => {
                (float as i64).into()
            }
            _ => Value::Number(number),
        },
        value => value,
    }
}

/// A JavaScript number where it can hold the value, and a bigint where it cannot.
pub(crate) fn number_or_bigint(value: u64) -> Either<f64, BigInt> {
    let number = value as f64;
    if number <= MAX_SAFE { Either::A(number) } else { Either::B(value.into()) }
}
