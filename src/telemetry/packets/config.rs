//! What the flow meter is asked for.

use serde::{Deserialize, Serialize};

use super::decode::{DecodeOptions, Layer};
use super::profile::Profile;
use super::statistics::Measure;
use crate::error::{Error, Result};

/// Settings of the flow meter.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::packets::{FlowMeterConfig, Profile};
///
/// let config = FlowMeterConfig { profile: Profile::Cic, max_flows: 50_000, ..FlowMeterConfig::default() };
/// assert_eq!((config.idle_timeout(), config.active_timeout()), (120.0, 120.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowMeterConfig {
    /// Columns and expiry.
    pub profile: Profile,
    /// Whether the innermost IP header of a tunnelled packet makes the flow ([`Layer::Inner`]); else the outermost.
    pub decode_tunnels: bool,
    /// A flow without a packet for so long ends, seconds in `(0, 10^6]`; the profile's own without it.
    pub idle_timeout_s: Option<f64>,
    /// A flow that lasts so long ends and starts anew, seconds in `(0, 10^6]`; the profile's own without it.
    pub active_timeout_s: Option<f64>,
    /// A flow that goes on writes a record of all it was so far each so many seconds, in `(0, 10^6]`; never
    /// without it. The record comes with the first packet after that time.
    pub interim_s: Option<f64>,
    /// A batch comes with the first packet so many seconds after its first row, in `(0, 10^6]`, however few rows
    /// it has; only when it is full without it. For captures that are still written.
    pub flush_s: Option<f64>,
    /// Flows held at a time, 1 to 2^26, of about 700 bytes each. A new flow beyond them ends the flow that has
    /// been silent for longest.
    pub max_flows: usize,
    /// Rows of a batch, 1 to 2^20.
    pub batch_rows: usize,
}

impl Default for FlowMeterConfig {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            decode_tunnels: false,
            idle_timeout_s: None,
            active_timeout_s: None,
            interim_s: None,
            flush_s: None,
            max_flows: 500_000,
            batch_rows: 16_384,
        }
    }
}

/// Seconds for which a silent TCP connection is remembered after the record of its last flow.
const REMEMBERED_S: i64 = 3_600;

/// The settings in ticks of the profile's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) profile: Profile,
    pub(super) measure: Measure,
    nanoseconds_per_tick: i64,
    /// A gap of at least so many ticks ends a flow.
    pub(super) idle: i64,
    /// An age of at least so many ticks ends a flow.
    pub(super) active: i64,
    pub(super) interim: Option<i64>,
    pub(super) remembered: i64,
}

impl FlowMeterConfig {
    /// The idle timeout in force, seconds.
    pub fn idle_timeout(&self) -> f64 {
        self.idle_timeout_s.unwrap_or(120.0)
    }

    /// The active timeout in force, seconds.
    pub fn active_timeout(&self) -> f64 {
        self.active_timeout_s.unwrap_or(if self.profile == Profile::Nfstream { 1_800.0 } else { 120.0 })
    }

    /// How packets are decoded.
    pub(super) fn decode(&self) -> DecodeOptions {
        DecodeOptions::default().with_layer(if self.decode_tunnels { Layer::Inner } else { Layer::Outer })
    }

    /// Checks every field.
    pub(super) fn rules(&self) -> Result<Rules> {
        let times = [
            ("idle_timeout_s", Some(self.idle_timeout())),
            ("active_timeout_s", Some(self.active_timeout())),
            ("interim_s", self.interim_s),
            ("flush_s", self.flush_s),
        ];
        for (name, value) in times {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && *value <= 1e6)) {
                return Err(Error::invalid(name, "in (0, 1e6]", value));
            }
        }
        for (name, value, most) in
            [("max_flows", self.max_flows, 1 << 26), ("batch_rows", self.batch_rows, 1 << 20)]
        {
            if !(1..=most).contains(&value) {
                return Err(Error::invalid(name, format!("in 1..={most}"), value));
            }
        }
        let cic = self.profile != Profile::Nfstream;
        let second = if cic { 1_000_000 } else { 1_000 };
        let ticks = |seconds: f64| ((seconds * second as f64).round() as i64).max(1);
        // CICFlowMeter ends a flow beyond its timeout, NFStream at it.
        let beyond = i64::from(cic);
        Ok(Rules {
            profile: self.profile,
            measure: Measure { ticks_per_second: second, cic },
            nanoseconds_per_tick: 1_000_000_000 / second,
            idle: ticks(self.idle_timeout()) + beyond,
            active: ticks(self.active_timeout()) + beyond,
            interim: self.interim_s.map(ticks),
            remembered: REMEMBERED_S * second,
        })
    }
}

impl Rules {
    #[inline]
    pub(super) const fn ticks(&self, time_ns: i64) -> i64 {
        time_ns.div_euclid(self.nanoseconds_per_tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_checked_by_name() {
        let ok = FlowMeterConfig::default();
        assert!(ok.rules().is_ok());
        let bad = [
            ("`idle_timeout_s`", FlowMeterConfig { idle_timeout_s: Some(0.0), ..ok.clone() }),
            ("`active_timeout_s`", FlowMeterConfig { active_timeout_s: Some(f64::NAN), ..ok.clone() }),
            ("`interim_s`", FlowMeterConfig { interim_s: Some(-1.0), ..ok.clone() }),
            ("`interim_s`", FlowMeterConfig { interim_s: Some(f64::INFINITY), ..ok.clone() }),
            ("`max_flows`", FlowMeterConfig { max_flows: 0, ..ok.clone() }),
            ("`batch_rows`", FlowMeterConfig { batch_rows: usize::MAX, ..ok }),
        ];
        for (name, config) in bad {
            let error = config.rules().unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_file_names_only_what_differs() {
        let config: FlowMeterConfig =
            serde_json::from_str(r#"{"profile": "cic_legacy", "interim_s": 60}"#).unwrap();
        assert_eq!((config.profile, config.interim_s), (Profile::CicLegacy, Some(60.0)));
        assert_eq!(config.max_flows, FlowMeterConfig::default().max_flows);
        assert!(serde_json::from_str::<FlowMeterConfig>(r#"{"profiles": "cic"}"#).is_err());
    }

    #[test]
    fn ticks_round_down_also_before_the_epoch() {
        let rules = FlowMeterConfig::default().rules().unwrap();
        assert_eq!((rules.ticks(1_999_999), rules.ticks(-1), rules.idle), (1, -1, 120_000));
        let rules = FlowMeterConfig { profile: Profile::Cic, ..Default::default() }.rules().unwrap();
        assert_eq!((rules.ticks(1_999), rules.active), (1, 120_000_001));
    }
}
