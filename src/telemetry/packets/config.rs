//! The settings of the flow meter.

use serde::{Deserialize, Serialize};

use super::decode::{DecodeOptions, Layer};
use super::profile::Profile;
use super::rules::Rules;
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
    /// Which columns a flow record has, and when flows end.
    pub profile: Profile,
    /// Whether flows are built from the innermost IP header of a tunnelled packet ([`Layer::Inner`]) or from the
    /// outermost one. Default: the outermost.
    pub decode_tunnels: bool,
    /// Idle timeout: a flow ends when it has had no packet for this long, seconds in `(0, 10^6]`. Default: the
    /// profile's timeout.
    pub idle_timeout_s: Option<f64>,
    /// Active timeout: a flow ends, and the next one starts, when it has lasted this long, seconds in `(0, 10^6]`.
    /// Default: the profile's timeout.
    pub active_timeout_s: Option<f64>,
    /// Seconds between the interim records of a long flow, in `(0, 10^6]`. An interim record covers the flow from its
    /// start and is written at the first packet after that time. Default: no interim records.
    pub interim_s: Option<f64>,
    /// Seconds after its first row at which an incomplete batch is returned, in `(0, 10^6]`, measured by the times of
    /// the packets. Use it for live captures. Default: a batch is returned when it is full.
    pub flush_s: Option<f64>,
    /// Maximum number of flows in the table, 1 to 2^26; each takes about 700 bytes. When the table is full, a new flow
    /// ends the flow that has been idle for longest. Default: 500,000.
    pub max_flows: usize,
    /// Rows per batch, 1 to 2^20. Default: 16,384.
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

impl FlowMeterConfig {
    /// The idle timeout that applies, seconds.
    pub fn idle_timeout(&self) -> f64 {
        self.idle_timeout_s.unwrap_or(120.0)
    }

    /// The active timeout that applies, seconds.
    pub fn active_timeout(&self) -> f64 {
        self.active_timeout_s.unwrap_or(Rules::active_timeout_s(self.profile))
    }

    /// The options of the decoder.
    pub(super) fn decode(&self) -> DecodeOptions {
        DecodeOptions::default().with_layer(if self.decode_tunnels { Layer::Inner } else { Layer::Outer })
    }

    /// Checks every field and returns the rules of the flow table.
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
        for (name, value, max) in
            [("max_flows", self.max_flows, 1 << 26), ("batch_rows", self.batch_rows, 1 << 20)]
        {
            if !(1..=max).contains(&value) {
                return Err(Error::invalid(name, format!("in 1..={max}"), value));
            }
        }
        Ok(Rules::new(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
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
    fn missing_fields_get_their_defaults() {
        let config: FlowMeterConfig =
            serde_json::from_str(r#"{"profile": "cic_legacy", "interim_s": 60}"#).unwrap();
        assert_eq!((config.profile, config.interim_s), (Profile::CicLegacy, Some(60.0)));
        assert_eq!(config.max_flows, FlowMeterConfig::default().max_flows);
        assert!(serde_json::from_str::<FlowMeterConfig>(r#"{"profiles": "cic"}"#).is_err());
    }
}
