//! `Policy`: what to do about which verdict, as a validated file.

use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use qosguard::qos;
use serde_json::Value;

use crate::convert::mirror;
use crate::error::{Result, into_js_err};
use crate::job::{Job, spawn};

/// The action for each severity, rules for some traffic, and addresses that are never acted on. Validated; immutable.
#[napi]
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) inner: qos::Policy,
}

impl From<qos::Policy> for Policy {
    fn from(inner: qos::Policy) -> Self {
        Self { inner }
    }
}

#[napi]
impl Policy {
    /// The policy that a guard has unless it is given another; a dry run.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no Default")]
    pub fn new() -> Self {
        qos::Policy::default().into()
    }

    /// SHA-256 of the policy's fields, 64 hexadecimal digits.
    #[napi(getter, catch_unwind)]
    pub fn digest(&self) -> String {
        self.inner.digest()
    }

    /// Reads a policy file; its extension (`.toml`, `.yaml`, `.yml`, `.json`) determines the format.
    /// Rejects with `io`, or `policy` naming the field.
    #[napi(catch_unwind, ts_return_type = "Promise<Policy>")]
    pub fn load(path: String) -> AsyncTask<Job<Policy>> {
        spawn(move || qos::Policy::load(path).map(Self::from))
    }

    /// A policy from the text of a TOML file. Throws `policy` naming the field and its line.
    #[napi(catch_unwind)]
    pub fn from_toml(text: String) -> Result<Self> {
        qos::Policy::from_toml(&text).map(Self::from).map_err(|e| into_js_err(&e))
    }

    /// A policy from the text of a YAML file. Throws `policy` naming the field and its line.
    #[napi(catch_unwind)]
    pub fn from_yaml(text: String) -> Result<Self> {
        qos::Policy::from_yaml(&text).map(Self::from).map_err(|e| into_js_err(&e))
    }

    /// A policy from the text of a JSON file. Throws `policy` naming the field and its line.
    #[napi(catch_unwind)]
    pub fn from_json(text: String) -> Result<Self> {
        qos::Policy::from_json(&text).map(Self::from).map_err(|e| into_js_err(&e))
    }

    /// The whole policy as TOML, defaults included.
    #[napi(catch_unwind)]
    pub fn to_toml(&self) -> Result<String> {
        self.inner.to_toml().map_err(|e| into_js_err(&e))
    }

    /// The whole policy as YAML, defaults included.
    #[napi(catch_unwind)]
    pub fn to_yaml(&self) -> Result<String> {
        self.inner.to_yaml().map_err(|e| into_js_err(&e))
    }

    /// Whether decisions are made without changing anything.
    #[napi(getter, catch_unwind)]
    pub fn dry_run(&self) -> bool {
        self.inner.dry_run()
    }

    /// The same policy with dry run switched on or off.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn with_dry_run(&self, dry_run: bool) -> Self {
        self.inner.clone().with_dry_run(dry_run).into()
    }

    /// The first prefix of the allow-list that has an address in common with an address or a prefix; `null` where there is none.
    #[napi(catch_unwind)]
    pub fn allowed_by(&self, entity: String) -> Result<Option<String>> {
        let entity = entity.parse().map_err(|error| into_js_err(&error))?;
        Ok(self.inner.allowed_by(entity).map(|prefix| prefix.to_string()))
    }

    /// All mistakes of a policy text; `format` is `toml` (default), `yaml` or `json`.
    #[napi(catch_unwind, ts_return_type = "PolicyMistake[]")]
    pub fn check(text: String, format: Option<String>) -> Result<Value> {
        let format = qos::PolicyFormat::from_name(format.as_deref().unwrap_or("toml"));
        let mistakes = format.and_then(|format| qos::Policy::check_text(&text, format));
        mirror(&mistakes.map_err(|e| into_js_err(&e))?)
    }

    /// The JSON Schema of policy files, for editors.
    #[napi(catch_unwind, ts_return_type = "Record<string, unknown>")]
    pub fn json_schema() -> Result<Value> {
        mirror(&qos::Policy::json_schema())
    }

    /// The settings in which another policy differs.
    #[napi(catch_unwind, ts_return_type = "Array<{ path: string, old: unknown, new: unknown }>")]
    pub fn changes(&self, other: &Policy) -> Result<Value> {
        mirror(&self.inner.changes(&other.inner))
    }

    /// Runs cases in TOML; a case without failures passes.
    #[napi(catch_unwind, ts_return_type = "Array<{ name: string, answer: string, failures: string[] }>")]
    pub fn test(&self, cases: String) -> Result<Value> {
        let cases = qos::PolicyCases::from_toml(&cases).map_err(|e| into_js_err(&e))?;
        mirror(&cases.run(&self.inner))
    }

    /// A policy from an object with the fields of a policy file. Throws `policy` naming the field.
    #[napi(catch_unwind)]
    pub fn from_object(#[napi(ts_arg_type = "PolicyFields")] fields: Value) -> Result<Self> {
        qos::Policy::from_json(&fields.to_string()).map(Self::from).map_err(|e| into_js_err(&e))
    }

    /// The fields of the policy file, every default filled in.
    #[napi(catch_unwind, ts_return_type = "PolicyFields")]
    pub fn to_object(&self) -> Result<Value> {
        mirror(&self.inner)
    }
}
