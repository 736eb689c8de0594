//! Reading a policy from TOML, YAML and JSON, and saying which field is wrong.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Policy, PolicyConfig};
use crate::error::{Error, Result};
use crate::strict::list_for_fields;

/// Largest policy file, 1 MiB.
const MAX_BYTES: usize = 1 << 20;

/// Most `[` and `{` in a YAML policy: the parser takes quadratic time in the depth of flow collections, and
/// their number bounds their depth however they are hidden.
const MAX_YAML_BRACKETS: usize = 10_000;

/// A file format of policies.
#[derive(Clone, Copy, Debug)]
enum Format {
    Toml,
    Yaml,
    Json,
}

impl Policy {
    /// Reads a policy file; the extension (`.toml`, `.yaml`, `.yml`, `.json`) says the format.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be read. [`Error::Policy`], with the path as its place, for another
    /// extension, a file beyond 1 MiB, and as [`Policy::from_toml`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match extension.as_str() {
            "toml" => Format::Toml,
            "yaml" | "yml" => Format::Yaml,
            "json" => Format::Json,
            _ => return Err(refuse(&place, "file", "named .toml, .yaml, .yml or .json", extension)),
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
        let text = String::from_utf8(bytes).map_err(|e| refuse(&place, "file", "UTF-8 text", e))?;
        parse(&place, &text, format)
    }

    /// Reads a policy from TOML.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] for text beyond 1 MiB, a syntax error, an unknown or missing field, and a value
    /// outside its documented range; its `field` is the path of the field, such as `rules[2].then.ttl_s`.
    pub fn from_toml(text: &str) -> Result<Self> {
        parse("policy", text, Format::Toml)
    }

    /// Reads a policy from YAML.
    ///
    /// # Errors
    ///
    /// As [`Policy::from_toml`].
    pub fn from_yaml(text: &str) -> Result<Self> {
        parse("policy", text, Format::Yaml)
    }

    /// Reads a policy from JSON.
    ///
    /// # Errors
    ///
    /// As [`Policy::from_toml`].
    pub fn from_json(text: &str) -> Result<Self> {
        parse("policy", text, Format::Json)
    }

    /// The whole policy as TOML, defaults included.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] when it cannot be written, which no valid policy is known to cause.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|e| refuse("policy", "file", "writable as TOML", e))
    }

    /// The whole policy as YAML, defaults included.
    ///
    /// # Errors
    ///
    /// As [`Policy::to_toml`].
    pub fn to_yaml(&self) -> Result<String> {
        yaml_serde::to_string(self).map_err(|e| refuse("policy", "file", "writable as YAML", e))
    }

    /// The whole policy as JSON, defaults included.
    ///
    /// # Errors
    ///
    /// As [`Policy::to_toml`].
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|e| refuse("policy", "file", "writable as JSON", e))
    }
}

fn parse(place: &str, text: &str, format: Format) -> Result<Policy> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(refuse(place, "file", format!("at most {MAX_BYTES} bytes"), "more"));
    }
    let config: PolicyConfig = match format {
        Format::Toml => {
            let syntax = |e: toml::de::Error| refuse(place, "file", "TOML", e.to_string().trim_end());
            let toml = toml::Deserializer::parse(text).map_err(syntax)?;
            read(place, toml, |e| e.message().to_owned())?
        }
        Format::Yaml => {
            if memchr::memchr2_iter(b'[', b'{', text.as_bytes()).count() > MAX_YAML_BRACKETS {
                let expected = format!("at most {MAX_YAML_BRACKETS} `[` and `{{`");
                return Err(refuse(place, "file", expected, "more"));
            }
            read(place, yaml_serde::Deserializer::from_str(text), ToString::to_string)?
        }
        Format::Json => {
            let mut json = serde_json::Deserializer::from_str(text);
            let config = read(place, &mut json, ToString::to_string)?;
            json.end().map_err(|e| refuse(place, "file", "one JSON value", e))?;
            config
        }
    };
    let given: Option<Value> = match format {
        Format::Toml => toml::from_str(text).ok(),
        Format::Yaml => yaml_serde::from_str(text).ok(),
        Format::Json => serde_json::from_str(text).ok(),
    };
    let given = given.ok_or_else(|| refuse(place, "file", "well-formed", "something else"))?;
    if let Some(field) = list_for_fields(&given, &config) {
        return Err(refuse(place, field, "a table of named fields", "a list"));
    }
    Policy::validate(config, place)
}

/// Deserializes, and turns a refusal into one that names the field.
fn read<'de, T, D>(place: &str, deserializer: D, message: impl Fn(&D::Error) -> String) -> Result<T>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(deserializer)
        .map_err(|e| explain(place, &e.path().to_string(), &message(e.inner())))
}

/// Takes serde's message apart: `invalid type: string "x", expected u32` at a path.
fn explain(place: &str, path: &str, message: &str) -> Error {
    let here = if path == "." { "file" } else { path };
    let quoted = || message.split('`').nth(1).unwrap_or_default();
    let child = || match quoted() {
        name if path == "." => name.to_owned(),
        name if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        name => format!("{path}.{name}"),
    };
    let has = |needle: &str| message.contains(needle);
    if has("missing field `") {
        return refuse(place, child(), "given", "nothing");
    }
    if has("duplicate field `") || has("duplicate key") {
        return refuse(place, child(), "given once", "two");
    }
    if has("unknown field `") {
        let expected = match message.split_once(", expected ") {
            Some((_, names)) => names,
            None => "left out: this action does not take it",
        };
        return refuse(place, child(), expected, format!("`{}`", quoted()));
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length: ", "unknown variant "] {
        if let Some((got, expected)) =
            message.split_once(kind).and_then(|(_, rest)| rest.split_once(", expected "))
        {
            let expected = match expected.split(" at line ").next().unwrap_or_default() {
                "u32" | "u64" => "a whole number, not negative",
                "f64" => "a number",
                other => other,
            };
            return refuse(place, here, expected, got);
        }
    }
    refuse(place, here, "well-formed", message)
}

/// [`Error::Policy`], with what came cut to a readable length.
#[allow(clippy::needless_pass_by_value, reason = "callers hand over what they just made")]
pub(super) fn refuse(
    place: &str,
    field: impl AsRef<str>,
    expected: impl AsRef<str>,
    got: impl ToString,
) -> Error {
    let clip = |text: &str, length| {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(length).collect()
    };
    Error::Policy {
        place: place.to_owned(),
        field: clip(field.as_ref(), 128),
        expected: clip(expected.as_ref(), 256),
        got: clip(&got.to_string(), 256),
    }
}
