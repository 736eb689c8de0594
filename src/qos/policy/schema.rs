//! The JSON Schema of policies, with which editors complete and check files.

use serde_json::{Map, Value, json};

use super::Policy;
use crate::qos::ServiceClass;
use crate::qos::action::{BYTES, TTL_S};

/// Names of the severities of anomalies.
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

impl Policy {
    /// The JSON Schema (draft 2020-12) of policy files in TOML, YAML and JSON.
    ///
    /// It accepts every valid policy. What depends on several fields, such as the order of the actions, is checked by [`Policy::check`] only.
    ///
    /// ```
    /// use qosguard::qos::Policy;
    ///
    /// let schema = Policy::json_schema();
    /// assert_eq!(schema["additionalProperties"], false);
    /// assert_eq!(schema["properties"]["bands"]["$ref"], "#/$defs/bands");
    /// # assert!(schema["$defs"]["bands"].is_object());
    /// ```
    pub fn json_schema() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "QoS policy of qosguard",
            "type": "object",
            "required": ["version"],
            "additionalProperties": false,
            "properties": {
                "version": described("Version of the model.", json!({ "const": 1 })),
                "dry_run": described("Decide and report, but change nothing. Default: true.", boolean()),
                "allow": described("Prefixes that are never touched; replaces the default list.", list("prefix")),
                "never_act": described("More prefixes that never get an action.", list("prefix")),
                "never_alert": described("Prefixes with severity none and no action.", list("prefix")),
                "bands": reference("bands"),
                "actions": reference("actions"),
                "floors": reference("floors"),
                "rules": list("rule"),
                "tenants": {
                    "description": "Named parts of the network.",
                    "type": "object",
                    "additionalProperties": object(&["prefixes"], &[("prefixes", list("prefix"))]),
                },
                "scopes": list("scope"),
                "classes": list("class_rule"),
            },
            "$defs": definitions(),
        })
    }
}

fn definitions() -> Value {
    let classes = ServiceClass::ALL.map(ServiceClass::as_str);
    let severity_keys = |item: &Value| SEVERITIES.map(|name| (name, item.clone()));
    let p_value = json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 });
    let bands = SEVERITIES[1..].iter().map(|name| (*name, p_value.clone())).collect::<Vec<_>>();
    json!({
        "prefix": described("An address or a prefix without host bits.", json!({ "type": "string" })),
        "severity": { "enum": SEVERITIES },
        "service_class": { "enum": classes },
        "port": {
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$" },
            ],
        },
        "word": { "type": "string", "minLength": 1, "maxLength": 64 },
        "day": { "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] },
        "ttl_s": described(
            "Seconds until the action expires.",
            json!({ "type": "integer", "minimum": TTL_S.start(), "maximum": TTL_S.end() }),
        ),
        "bytes": { "type": "integer", "minimum": BYTES.start(), "maximum": BYTES.end() },
        "inspection": { "enum": ["mirror", "queue", "redirect"] },
        "action": action(),
        "bands": described(
            "Greatest p-value of an anomaly of each severity, falling.",
            object(&["medium", "high", "critical"], &bands),
        ),
        "scope_bands": object(&[], &bands),
        "actions": described(
            "Action for each severity, none milder than the one before.",
            object(&SEVERITIES, &severity_keys(&reference("action"))),
        ),
        "scope_actions": object(&[], &severity_keys(&reference("action"))),
        "floors": object(&[], &[
            ("min_severity", described("Lowest severity that gets an action.", reference("severity"))),
            ("min_bytes_per_second", described("Lowest rate of a rate limit.", reference("bytes"))),
        ]),
        "time": object(&["from", "to"], &[
            ("from", described("Start, such as 08:00.", json!({ "type": "string" }))),
            ("to", described("End, such as 18:00.", json!({ "type": "string" }))),
            ("days", described("Days on which it starts.", list("day"))),
            ("zone", described("IANA time zone or offset. Default: UTC.", json!({ "type": "string" }))),
        ]),
        "when": when(),
        "priority": {
            "type": "object",
            "required": ["ttl_s"],
            "additionalProperties": false,
            "properties": {
                "service_class": reference("service_class"),
                "class": reference("service_class"),
                "ttl_s": reference("ttl_s"),
            },
        },
        "rule": {
            "type": "object",
            "required": ["name", "when"],
            "additionalProperties": false,
            "properties": {
                "name": reference("word"),
                "when": reference("when"),
                "then": reference("action"),
                "cap": reference("action"),
                "prioritize": reference("priority"),
            },
            "oneOf": [
                { "required": ["then"] },
                { "required": ["cap"] },
                { "required": ["prioritize"] },
            ],
        },
        "scope": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": {
                "name": reference("word"),
                "tenant": reference("word"),
                "prefix": reference("prefix"),
                "direction": { "enum": ["inbound", "outbound"] },
                "dry_run": boolean(),
                "bands": reference("scope_bands"),
                "actions": reference("scope_actions"),
                "floors": reference("floors"),
            },
            "oneOf": [{ "required": ["tenant"] }, { "required": ["prefix"] }],
        },
        "class_rule": object(&["when", "service_class"], &[
            ("when", reference("when")),
            ("service_class", reference("service_class")),
        ]),
    })
}

fn when() -> Value {
    object(
        &[],
        &[
            ("service", list("word")),
            ("protocol", list("word")),
            ("src", list("prefix")),
            ("dst", list("prefix")),
            ("src_port", list("port")),
            ("dst_port", list("port")),
            ("family", described("Attack classes.", list("word"))),
            ("entity", described("Prefixes of the source or the destination.", list("prefix"))),
            ("tenant", described("Names of tenants.", list("word"))),
            ("service_class", list("service_class")),
            ("time", reference("time")),
            ("congestion", json!({ "type": "integer", "minimum": 1, "maximum": 100 })),
            ("severity", described("Lowest severity, for `then`.", reference("severity"))),
        ],
    )
}

/// One form for each action, because each has its own settings.
fn action() -> Value {
    let form = |name: &str, settings: &[(&str, &str)]| {
        let mut properties = Map::new();
        properties.insert("action".into(), json!({ "const": name }));
        for (key, definition) in settings {
            properties.insert((*key).to_owned(), reference(definition));
        }
        let required: Vec<&str> =
            std::iter::once("action").chain(settings.iter().map(|(key, _)| *key)).collect();
        json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
    };
    let ttl_s = ("ttl_s", "ttl_s");
    json!({
        "oneOf": [
            form("allow", &[]),
            form("deprioritize", &[ttl_s]),
            form("rate_limit", &[("bytes_per_second", "bytes"), ("burst", "bytes"), ttl_s]),
            form("inspect", &[("inspection", "inspection"), ttl_s]),
            form("inspect", &[("how", "inspection"), ttl_s]),
            form("drop", &[ttl_s]),
            form("isolate", &[ttl_s]),
        ],
    })
}

fn object(required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

/// One value or a list.
fn list(definition: &str) -> Value {
    json!({ "anyOf": [reference(definition), { "type": "array", "items": reference(definition) }] })
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn described(text: &str, mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert("description".into(), text.into());
    }
    value
}
