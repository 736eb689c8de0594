//! Settings of the renderers.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::settings::within;

/// Settings of all renderers.
///
/// ```
/// use qosguard::qos::{NftablesConfig, RenderConfig};
///
/// let nftables = NftablesConfig { elements_per_transaction: 1_000, ..NftablesConfig::default() };
/// let config = RenderConfig { nftables, ..RenderConfig::default() };
/// assert_eq!(config.tc.device, "eth0");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderConfig {
    /// For [`Renderer::Nftables`](super::Renderer::Nftables).
    pub nftables: NftablesConfig,
    /// For [`Renderer::Tc`](super::Renderer::Tc).
    pub tc: TcConfig,
    /// For [`Renderer::FlowSpec`](super::Renderer::FlowSpec) and [`Renderer::Rtbh`](super::Renderer::Rtbh).
    pub bgp: BgpConfig,
}

/// How rules for nftables are written.
///
/// | field | meaning | range |
/// |---|---|---|
/// | `elements_per_transaction` | elements of one part, which is one transaction; an unprivileged user namespace accepts 3,000 and not 4,000 | 1 to 1,000,000 |
/// | `log_group` | netlink group that gets a copy of mirrored packets | 0 to 65,535 |
/// | `queue` | netlink queue of inspected packets | 0 to 65,535 |
/// | `keep_table` | a rollback removes the elements and leaves the table | |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NftablesConfig {
    /// Elements of one transaction.
    pub elements_per_transaction: usize,
    /// Netlink group that gets a copy of mirrored packets.
    pub log_group: u16,
    /// Netlink queue of inspected packets.
    pub queue: u16,
    /// Whether a rollback removes the elements and leaves the table.
    pub keep_table: bool,
}

impl Default for NftablesConfig {
    /// 2,000 elements, group 5 and queue 0.
    fn default() -> Self {
        Self { elements_per_transaction: 2_000, log_group: 5, queue: 0, keep_table: false }
    }
}

/// How commands for tc are written.
///
/// | field | meaning | range |
/// |---|---|---|
/// | `device` | network device that sends the traffic | 1 to 15 letters, digits, `.`, `_`, `-`, `@` or `:` |
/// | `bytes_per_second` | rate of the device | 1,000 to 10^12 |
/// | `cake` | shape the default class with CAKE, which needs the kernel module `sch_cake` | |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TcConfig {
    /// Network device that sends the traffic.
    pub device: String,
    /// Rate of the device.
    pub bytes_per_second: u64,
    /// Whether the default class is shaped with CAKE.
    pub cake: bool,
}

impl Default for TcConfig {
    /// Device `eth0` with 1 Gbit/s, without CAKE.
    fn default() -> Self {
        Self { device: "eth0".into(), bytes_per_second: 125_000_000, cake: false }
    }
}

/// How BGP routes are written.
///
/// | field | meaning |
/// |---|---|
/// | `local_as` | autonomous system in the rate communities of `FlowSpec`; 0 for none |
/// | `discard_v4`, `discard_v6` | next hops of RTBH, which the routers discard |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BgpConfig {
    /// Autonomous system in the rate communities of `FlowSpec`.
    pub local_as: u16,
    /// Next hop of IPv4 routes of RTBH.
    pub discard_v4: Ipv4Addr,
    /// Next hop of IPv6 routes of RTBH.
    pub discard_v6: Ipv6Addr,
}

impl Default for BgpConfig {
    /// `192.0.2.1` and `100::1` (RFC 6666), without an autonomous system.
    fn default() -> Self {
        let discard_v6 = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1);
        Self { local_as: 0, discard_v4: Ipv4Addr::new(192, 0, 2, 1), discard_v6 }
    }
}

impl RenderConfig {
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] with the path of the first setting outside its range.
    pub(super) fn check(&self) -> Result<()> {
        let NftablesConfig { elements_per_transaction, .. } = self.nftables;
        if !(1..=1_000_000).contains(&elements_per_transaction) {
            let path = within("nftables", "elements_per_transaction");
            return Err(Error::invalid(path, "a whole number from 1 to 1000000", elements_per_transaction));
        }
        let TcConfig { device, bytes_per_second, .. } = &self.tc;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:".contains(&byte);
        let starts_well = device.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if device.len() > 15 || !starts_well || !device.bytes().all(is_name) {
            return Err(Error::invalid(
                within("tc", "device"),
                "the name of a network device",
                format!("{device:?}"),
            ));
        }
        if !(1_000..=1_000_000_000_000).contains(bytes_per_second) {
            let path = within("tc", "bytes_per_second");
            return Err(Error::invalid(path, "a whole number from 1000 to 10^12", bytes_per_second));
        }
        Ok(())
    }
}
