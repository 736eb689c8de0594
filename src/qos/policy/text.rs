//! Reading a policy from TOML, YAML and JSON, and saying which field is wrong.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::Value;

use super::locate::{Place, column_at, json_column, line_at, line_of};
use super::{Policy, PolicyConfig};
use crate::error::Problem;
use crate::error::{Error, Result};
use crate::settings;
use crate::strict::list_for_fields;

/// Largest policy file, 1 MiB.
const MAX_BYTES: usize = 1 << 20;

/// Most `[` and `{` in a YAML policy: the parser takes quadratic time in the depth of flow collections, and
/// their number bounds their depth however they are hidden.
#[cfg(feature = "yaml")]
const MAX_YAML_BRACKETS: usize = 10_000;

/// Longest YAML text that is read again to find the line of a field when it cannot be read: some texts take the parser
/// seconds. In a longer one the error has the line of the parser's own error.
const MAX_LOCATED: usize = 1 << 14;

/// A file format of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFormat {
    /// TOML.
    Toml,
    /// YAML; needs the cargo feature `yaml`.
    Yaml,
    /// JSON.
    Json,
}

impl PolicyFormat {
    /// The format of a name: `"toml"`, `"yaml"` or `"json"`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for another name.
    ///
    /// ```
    /// use qosguard::qos::PolicyFormat;
    ///
    /// assert_eq!(PolicyFormat::from_name("yaml")?, PolicyFormat::Yaml);
    /// assert!(PolicyFormat::from_name("ini").is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "toml" => Ok(Self::Toml),
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err(Error::invalid("format", "toml, yaml or json", format!("{name:?}"))),
        }
    }
}

use PolicyFormat as Format;

impl Policy {
    /// Reads a policy file; the extension (`.toml`, `.yaml`, `.yml`, `.json`) gives the format.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be read. [`Error::Policy`], with the path as its place, for another
    /// extension, a file beyond 1 MiB, and as [`Policy::from_toml`]. [`Error::Unsupported`] for YAML in a build without the
    /// cargo feature `yaml`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (text, format) = read_file(path)?;
        parse(&path.display().to_string(), &text, format)
    }

    /// Reads a policy from TOML.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] for text beyond 1 MiB, a syntax error, an unknown or missing field, and a value
    /// outside its documented range; its `path` is the path of the field, such as `rules[2].then.ttl_s`, and its `line`
    /// the line of the text.
    pub fn from_toml(text: &str) -> Result<Self> {
        parse("policy", text, Format::Toml)
    }

    /// Reads a policy from YAML; needs the cargo feature `yaml`.
    ///
    /// # Errors
    ///
    /// As [`Policy::from_toml`]; [`Error::Unsupported`] in a build without the feature.
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

    /// The whole policy as YAML, defaults included; needs the cargo feature `yaml`.
    ///
    /// # Errors
    ///
    /// As [`Policy::to_toml`]; [`Error::Unsupported`] in a build without the feature.
    pub fn to_yaml(&self) -> Result<String> {
        #[cfg(feature = "yaml")]
        return yaml_serde::to_string(self).map_err(|e| refuse("policy", "file", "writable as YAML", e));
        #[cfg(not(feature = "yaml"))]
        Err(Error::unsupported("a policy in YAML", "yaml"))
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

/// The text of a policy file and its format, by the extension.
pub(super) fn read_file(path: &Path) -> Result<(String, Format)> {
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
    Ok((text, format))
}

/// Reads fields other than a policy's from TOML; an error names the field and the line.
pub(in crate::qos) fn from_toml<T: DeserializeOwned>(place: &str, text: &str) -> Result<T> {
    let line = |e: &toml::de::Error| e.span().map(|span| line_at(text, span.start));
    let toml = toml::Deserializer::parse(text)
        .map_err(|e| at_line(refuse(place, "file", "TOML", e.message().trim_end()), line(&e)))?;
    fields(place, toml, |e| (e.message().to_owned(), line(e)))
        .map_err(|error| locate(error, |at| Format::Toml.position_at(text, at)))
}

/// The same error with the line of its field in a text in TOML.
pub(in crate::qos) fn locate_toml(text: &str, error: Error) -> Error {
    locate(error, |at| Format::Toml.position_at(text, at))
}

/// The same error with the line of its field.
fn locate(error: Error, position_at: impl Fn(Place<'_>) -> Option<(u64, u64)>) -> Error {
    match error {
        Error::Policy { place, path, problem, line } => {
            let line = line_of(&path, position_at).map(|(line, _)| line).or(line);
            Error::Policy { place, path, problem, line }
        }
        other => other,
    }
}

pub(super) fn parse(place: &str, text: &str, format: Format) -> Result<Policy> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(refuse(place, "file", format!("at most {MAX_BYTES} bytes"), "more"));
    }
    let located = |error| locate(error, |at| format.position_at(text, at));
    let is_cheap = format.is_cheap(text);
    let read = format.read(place, text);
    let (config, given) = read.map_err(|error| if is_cheap { located(error) } else { error })?;
    if let Some(field) = list_for_fields(&given, &config) {
        return Err(located(refuse(place, field, "a table of named fields", "a list")));
    }
    Policy::validate(config, place).map_err(located)
}

impl Format {
    /// Whether the text may be read again to find fields.
    pub(super) fn is_cheap(self, text: &str) -> bool {
        !matches!(self, Self::Yaml) || text.len() <= MAX_LOCATED
    }

    /// The text as a value of any shape; `None` where it is not in this format.
    pub(super) fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Toml => toml::from_str(text).ok(),
            Self::Json => serde_json::from_str(text).ok(),
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml_serde::from_str(text).ok(),
            #[cfg(not(feature = "yaml"))]
            Self::Yaml => None,
        }
    }

    /// The fields of a policy, and the same text as a value of any shape.
    fn read(self, place: &str, text: &str) -> Result<(PolicyConfig, Value)> {
        let syntax = |kind, line, error: &dyn ToString| {
            at_line(refuse(place, "file", kind, error.to_string().trim_end()), line)
        };
        match self {
            Self::Toml => {
                let line = |e: &toml::de::Error| e.span().map(|span| line_at(text, span.start));
                let broken = |e: toml::de::Error| syntax("TOML", line(&e), &e.message());
                let toml = toml::Deserializer::parse(text).map_err(broken)?;
                let config = fields(place, toml, |e| (e.message().to_owned(), line(e)))?;
                Ok((config, toml::from_str(text).map_err(broken)?))
            }
            Self::Json => {
                let broken = |e: serde_json::Error| syntax("one JSON value", Some(e.line() as u64), &e);
                let mut json = serde_json::Deserializer::from_str(text);
                let config = fields(place, &mut json, |e| (e.to_string(), Some(e.line() as u64)))?;
                json.end().map_err(broken)?;
                Ok((config, serde_json::from_str(text).map_err(broken)?))
            }
            #[cfg(feature = "yaml")]
            Self::Yaml => {
                if memchr::memchr2_iter(b'[', b'{', text.as_bytes()).count() > MAX_YAML_BRACKETS {
                    let expected = format!("at most {MAX_YAML_BRACKETS} `[` and `{{`");
                    return Err(refuse(place, "file", expected, "more"));
                }
                let line = |e: &yaml_serde::Error| e.location().map(|at| at.line() as u64);
                let yaml = yaml_serde::Deserializer::from_str(text);
                let config = fields(place, yaml, |e| (e.to_string(), line(e)))?;
                let broken = |e: yaml_serde::Error| syntax("YAML", line(&e), &e);
                Ok((config, yaml_serde::from_str(text).map_err(broken)?))
            }
            #[cfg(not(feature = "yaml"))]
            Self::Yaml => Err(Error::unsupported(format!("{place}: a policy in YAML"), "yaml")),
        }
    }

    /// The line and the column of the error at a place of the text; `None` where the text does not have the place.
    pub(super) fn position_at(self, text: &str, at: Place<'_>) -> Option<(u64, u64)> {
        match self {
            Self::Toml => {
                let error = at.deserialize(toml::Deserializer::parse(text).ok()?).err()?;
                error.span().map(|span| (line_at(text, span.start), column_at(text, span.start)))
            }
            Self::Json => {
                let error = at.deserialize(&mut serde_json::Deserializer::from_str(text)).err()?;
                let (line, column) = (error.line() as u64, error.column() as u64);
                Some((line, json_column(text, line, column)))
            }
            #[cfg(feature = "yaml")]
            Self::Yaml => {
                let error = at.deserialize(yaml_serde::Deserializer::from_str(text)).err()?;
                error.location().map(|at| (at.line() as u64, at.column() as u64))
            }
            #[cfg(not(feature = "yaml"))]
            Self::Yaml => None,
        }
    }
}

/// Deserializes; an error names the field and the line. `described` returns the message and the line of the parser's error.
fn fields<'de, T, D>(
    place: &str,
    deserializer: D,
    described: impl Fn(&D::Error) -> (String, Option<u64>),
) -> Result<T>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let (message, line) = described(e.inner());
        let path = e.path().to_string();
        let (path, problem) = settings::problem(if path == "." { "" } else { &path }, &message, "file");
        at_line(policy_error(place, &path, problem), line)
    })
}

/// The same error at a line.
fn at_line(error: Error, line: Option<u64>) -> Error {
    match error {
        Error::Policy { place, path, problem, .. } => Error::Policy { place, path, problem, line },
        other => other,
    }
}

/// [`Error::Policy`] for a value outside its domain.
#[allow(clippy::needless_pass_by_value, reason = "callers hand over what they just made")]
pub(in crate::qos) fn refuse(
    place: &str,
    path: impl AsRef<str>,
    expected: impl AsRef<str>,
    got: impl ToString,
) -> Error {
    policy_error(place, path.as_ref(), Problem::out_of_domain(expected.as_ref(), got))
}

/// [`Error::Policy`], with what came cut to a readable length.
fn policy_error(place: &str, path: &str, problem: Problem) -> Error {
    let clip = |text: &str, length| {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(length).collect()
    };
    let problem = match problem {
        Problem::OutOfDomain { expected, got } => {
            Problem::OutOfDomain { expected: clip(&expected, 256), got: clip(&got, 256) }
        }
        Problem::WrongType { expected, got } => {
            Problem::WrongType { expected: clip(&expected, 256), got: clip(&got, 256) }
        }
        other => other,
    };
    Error::Policy { place: place.to_owned(), path: clip(path, 128), problem, line: None }
}
