//! Settings of the host context.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Windows at most.
const MAX_WINDOWS: usize = 8;
/// Shortest and longest window, in seconds.
const WINDOW: (f64, f64) = (0.1, 86_400.0);
/// Fewest and most entities of a kind.
const ENTITIES: (usize, usize) = (16, 10_000_000);

/// What sources, destinations and pairs of both did in the last seconds and minutes; see [`HostContext`](super::HostContext).
///
/// # Examples
///
/// ```
/// use qosguard::features::HostContextConfig;
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
/// let context = HostContextConfig { windows: vec![10.0, 60.0], ..Default::default() };
/// let guard = Guard::builder().context(context).fit(&flows)?;
/// assert!(guard.context_columns().iter().any(|column| column.name == "src_ports_60s"));
/// assert_eq!(guard.assess(&flows)?.len(), 1_000);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostContextConfig {
    /// Lengths of the windows in seconds, ascending, 1 to 8 of them, each 0.1 to 86,400; default: 2, 10, 60 and 300.
    ///
    /// A window has 8 buckets of whole hundredths of a second, so its length is rounded up to a multiple of .08 s.
    pub windows: Vec<f64>,
    /// Sources, destinations, pairs and prefixes that are kept, of each kind, 16 to 10,000,000; default: 16,384.
    ///
    /// The one seen longest ago makes room for a new one.
    pub max_entities: usize,
    /// Whether also prefixes of sources and of destinations are counted, /24 of IPv4 and /64 of IPv6; default: `false`.
    ///
    /// A scan of a whole network, or one that comes from many addresses of a network, shows there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prefixes: bool,
}

impl Default for HostContextConfig {
    fn default() -> Self {
        Self { windows: vec![2.0, 10.0, 60.0, 300.0], max_entities: 16_384, prefixes: false }
    }
}

impl HostContextConfig {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let ascending = self.windows.windows(2).all(|pair| pair[0] < pair[1]);
        if !(1..=MAX_WINDOWS).contains(&self.windows.len()) || !ascending {
            let expected = format!("1 to {MAX_WINDOWS} lengths, ascending");
            return Err(Error::invalid("windows", expected, format!("{:?}", self.windows)));
        }
        let (low, high) = WINDOW;
        if let Some(window) = self.windows.iter().find(|window| !(low..=high).contains(*window)) {
            return Err(Error::invalid("windows", format!("{low} to {high} seconds"), window));
        }
        let (low, high) = ENTITIES;
        if !(low..=high).contains(&self.max_entities) {
            return Err(Error::invalid("max_entities", format!("{low} to {high}"), self.max_entities));
        }
        Ok(())
    }
}
