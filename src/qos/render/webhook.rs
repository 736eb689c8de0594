//! One JSON object for each entry, for programs that apply a plan by themselves.

use serde_json::json;

use super::output::Rendered;
use crate::qos::Plan;

pub(super) fn render(plan: &Plan, apply: bool) -> Rendered {
    Rendered::of_entries(plan, |entry| {
        let mut object = json!(entry);
        object["event"] = if apply { "apply" } else { "withdraw" }.into();
        object["id"] = entry.id().into();
        object["until"] = time(plan.now() + f64::from(entry.rest_s)).into();
        Ok(format!("{object}\n"))
    })
}

/// A time in RFC 3339; `None` for one that RFC 3339 cannot express.
fn time(seconds: f64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond((seconds * 1e3).round() as i64).ok()?;
    Some(format!("{time:.0}"))
}
