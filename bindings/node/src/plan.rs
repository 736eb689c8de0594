//! `Plan`: decisions and incidents, merged by source, as configuration of network systems.

use std::time::{SystemTime, UNIX_EPOCH};

use napi::bindgen_prelude::{ClassInstance, Object};
use napi_derive::napi;
use qosguard::qos::{self, PlanConfig, Proposals, RenderConfig, Renderer};
use serde_json::{Value, json};

use crate::convert::{Settings, camel, parse, rename, settings, snake};
use crate::error::{Result, into_js_err};
use crate::policy::Policy;

/// How decisions become a plan.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct PlanOptions<'a> {
    /// Time of the plan, in seconds since the epoch; default: now.
    pub now: Option<f64>,
    /// The policy whose allow-list is never touched; default: `new Policy()`.
    pub policy: Option<ClassInstance<'a, Policy>>,
    /// Limits of the plan.
    #[napi(ts_type = "PlanSettings")]
    pub settings: Option<Value>,
}

impl Settings for PlanOptions<'_> {
    const KEYS: &'static [&'static str] = &["now", "policy", "settings"];
}

/// What is to be done about which traffic, until when, and which decisions are left out for which reason; `plan` makes it.
#[napi]
#[derive(Debug)]
pub struct Plan {
    inner: qos::Plan,
}

/// Merges decisions and incidents into one entry for each source. Nothing is changed in the network.
///
/// Takes changes of incidents, findings and what `guard.proposals` returns. Of an incident, the last change counts. The allow-list
/// of the policy wins over every decision. Throws `bad_record` naming the decision, the key and the value that cannot be read.
#[napi(catch_unwind)]
pub fn plan(
    #[napi(ts_arg_type = "ReadonlyArray<IncidentEvent | Finding | Proposal>")] decisions: Value,
    #[napi(ts_arg_type = "PlanOptions")] options: Option<Object<'_>>,
) -> Result<Plan> {
    let options: PlanOptions<'_> = settings(options)?;
    let config: PlanConfig = match options.settings {
        Some(value) => parse("settings", rename(value, snake))?,
        None => PlanConfig::default(),
    };
    let policy = options.policy.map(|policy| policy.inner.clone()).unwrap_or_default();
    let now = options
        .now
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64()));
    let make = || {
        let mut proposals = Proposals::new();
        proposals.add_json("decisions", &flat(rename(decisions, snake)).to_string())?;
        qos::Plan::new(&proposals.finish(), now, &policy, &config)
    };
    make().map(|inner| Plan { inner }).map_err(|error| into_js_err(&error))
}

/// Findings with the fields of their decisions, as JSON has them.
fn flat(mut decisions: Value) -> Value {
    for finding in decisions.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(decision)) = finding.remove("decision") {
            finding.extend(decision);
        }
    }
    decisions
}

#[napi]
impl Plan {
    /// What is to be done, in the order of the addresses.
    #[napi(getter, catch_unwind, ts_return_type = "Array<PlanEntry>")]
    pub fn entries(&self) -> Value {
        rename(json!(self.inner.entries()), camel)
    }

    /// The decisions that are not planned.
    #[napi(getter, catch_unwind, ts_return_type = "Array<SkippedDecision>")]
    pub fn skipped(&self) -> Value {
        rename(json!(self.inner.skipped()), camel)
    }

    /// How many decisions are left out for each reason that occurs.
    #[napi(getter, catch_unwind, ts_return_type = "Partial<Record<Unplanned, number>>")]
    pub fn skip_counts(&self) -> Value {
        let counts = self.inner.skip_counts().into_iter();
        counts.map(|(reason, count)| (reason.as_str().to_owned(), Value::from(count))).collect()
    }

    /// Number of hosts that the plan acts on: addresses of IPv4, networks of /64 of IPv6.
    #[napi(getter, catch_unwind)]
    pub fn hosts(&self) -> f64 {
        self.inner.hosts() as f64
    }

    /// Time of the plan, in seconds since the epoch.
    #[napi(getter, catch_unwind)]
    pub fn now(&self) -> f64 {
        self.inner.now()
    }

    /// Seconds until the first of the planned decisions expires, when a new plan may be milder; `null` for an empty plan.
    #[napi(getter, catch_unwind)]
    pub fn next_expiry_s(&self) -> Option<u32> {
        self.inner.next_expiry_s()
    }

    /// The plan as configuration of one system. Throws `invalid_argument` for an unknown system and a setting outside its range.
    #[napi(catch_unwind, ts_return_type = "Rendered")]
    pub fn render(
        &self,
        #[napi(ts_arg_type = "Renderer")] renderer: String,
        #[napi(ts_arg_type = "RenderSettings")] settings: Option<Value>,
    ) -> Result<Value> {
        self.write(renderer, settings, false)
    }

    /// The configuration that undoes what `render` returns, and nothing else.
    #[napi(catch_unwind, ts_return_type = "Rendered")]
    pub fn rollback(
        &self,
        #[napi(ts_arg_type = "Renderer")] renderer: String,
        #[napi(ts_arg_type = "RenderSettings")] settings: Option<Value>,
    ) -> Result<Value> {
        self.write(renderer, settings, true)
    }
}

impl Plan {
    fn write(&self, renderer: String, settings: Option<Value>, rollback: bool) -> Result<Value> {
        let renderer: Renderer = parse("renderer", renderer.into())?;
        let config: RenderConfig = match settings {
            Some(value) => parse("settings", rename(value, snake))?,
            None => RenderConfig::default(),
        };
        let written = if rollback {
            self.inner.rollback(renderer, &config)
        } else {
            self.inner.render(renderer, &config)
        };
        let written = written.map_err(|error| into_js_err(&error))?;
        let mut object = rename(json!(written), camel);
        object["text"] = written.text().into();
        Ok(object)
    }
}
