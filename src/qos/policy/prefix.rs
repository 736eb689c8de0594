//! Address prefixes, and fast membership in thousands of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// What [`Prefix`] accepts, in words.
const EXPECTED: &str = "an address, or a prefix without host bits such as 10.0.0.0/8 or 2001:db8::/32";

/// What [`Prefix`] expects instead of a number with leading zeros.
const PADDED: &str = "an address or a prefix without leading zeros, which some parsers read as octal";

/// An IPv4 or IPv6 prefix without host bits.
///
/// A bare address is a prefix of one address. IPv4-mapped IPv6 prefixes (`::ffff:10.0.0.0/104`) are the
/// IPv4 prefixes that they map, so that they match the same hosts however a source writes them.
///
/// ```
/// use qosguard::qos::Prefix;
///
/// let lan: Prefix = "10.0.0.0/8".parse()?;
/// assert!(lan.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!("10.0.0.1/8".parse::<Prefix>().is_err());
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(IpNet);

impl Prefix {
    /// Whether the address lies in the prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether every address of another prefix lies in this one.
    ///
    /// ```
    /// use qosguard::qos::Prefix;
    ///
    /// let lan: Prefix = "10.0.0.0/8".parse()?;
    /// assert!(lan.contains_prefix(&"10.1.0.0/16".parse()?) && !lan.contains_prefix(&"0.0.0.0/0".parse()?));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn contains_prefix(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (IpNet::V4(own), IpNet::V4(other)) => own.contains(&other),
            (IpNet::V6(own), IpNet::V6(other)) => own.contains(&other),
            _ => false,
        }
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.0.network()
    }

    /// Number of bits that all addresses share: 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is a prefix of one address.
    pub fn is_host(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// Whether it is an IPv6 prefix.
    pub const fn is_v6(&self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// Whether it is an IPv6 prefix, and its first address as a number.
    pub(in crate::qos) fn bits(&self) -> (bool, u128) {
        match self.0 {
            IpNet::V4(net) => (false, net.network().to_bits().into()),
            IpNet::V6(net) => (true, net.network().to_bits()),
        }
    }

    /// The two prefixes that it consists of; `None` for one address.
    pub(in crate::qos) fn halves(&self) -> Option<[Self; 2]> {
        let mut parts = self.0.subnets(self.0.prefix_len().checked_add(1)?).ok()?;
        Some([Self(parts.next()?), Self(parts.next()?)])
    }

    /// The IPv6 prefixes whose addresses contain the addresses of an IPv4 prefix: mapped, NAT64 (RFC 6052) and 6to4 (RFC 3056).
    /// Nothing for an IPv6 prefix.
    pub(in crate::qos) fn embedded_forms(&self) -> impl Iterator<Item = Self> + use<> {
        let forms = match self.0 {
            IpNet::V4(net) => {
                let (bits, length) = (u128::from(net.network().to_bits()), net.prefix_len());
                let form = |high: u128, shift: u32, before: u8| {
                    Self::v6(Ipv6Addr::from_bits(high | bits << shift), before + length)
                };
                vec![form(0xffff << 32, 0, 96), form(0x0064_ff9b << 96, 0, 96), form(0x2002 << 112, 80, 16)]
            }
            IpNet::V6(_) => Vec::new(),
        };
        forms.into_iter()
    }

    /// A prefix of the program's own; the length must be at most 32, and host bits are cleared.
    pub(in crate::qos) fn v4(address: Ipv4Addr, length: u8) -> Self {
        Self(IpNet::V4(Ipv4Net::new_assert(address, length).trunc()))
    }

    /// As [`Prefix::v4`], for IPv6 prefixes that map no IPv4 address.
    pub(in crate::qos) fn v6(address: Ipv6Addr, length: u8) -> Self {
        Self(IpNet::V6(Ipv6Net::new_assert(address, length).trunc()))
    }

    /// Whether the two have an address in common, or `other` has an IPv4 address that an address of this prefix contains
    /// (NAT64 or 6to4), as in the allow-list.
    pub(in crate::qos) fn overlaps(self, other: Self) -> bool {
        let share = |a: IpNet| a.contains(&other.0) || other.0.contains(&a);
        share(self.0) || embedded_net(self.0).is_some_and(|inner| share(IpNet::V4(inner)))
    }

    /// The address, if there is only one.
    pub(in crate::qos) fn host(self) -> Option<IpAddr> {
        self.is_host().then(|| self.address())
    }

    /// An address without a length, or a prefix.
    pub(in crate::qos) fn short(self) -> String {
        self.host().map_or_else(|| self.to_string(), |host| host.to_string())
    }

    fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        if has_padded_number(text) {
            return Err(PADDED);
        }
        Self::read(text).ok_or(EXPECTED)
    }

    fn read(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self(IpNet::from(address.to_canonical())));
        }
        let net: IpNet = text.parse().ok()?;
        if net.trunc() != net {
            return None;
        }
        let mapped = match net.network().to_canonical() {
            IpAddr::V4(v4) if matches!(net, IpNet::V6(_)) => {
                net.prefix_len().checked_sub(96).and_then(|len| Ipv4Net::new(v4, len).ok())
            }
            _ => None,
        };
        Some(Self(mapped.map_or(net, IpNet::V4)))
    }
}

impl From<IpAddr> for Prefix {
    /// The prefix of one address; an IPv4-mapped IPv6 address counts as the IPv4 address.
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|expected| Error::invalid("prefix", expected, format!("{text:?}")))
    }
}

/// Whether an IPv4 number or a prefix length has a leading zero; IPv6 groups are hexadecimal everywhere.
fn has_padded_number(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    let ipv4 = address.rsplit(':').next().filter(|part| part.contains('.')).unwrap_or_default();
    ipv4.split('.').chain([length]).any(|number| {
        number.len() > 1 && number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit())
    })
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|expected| D::Error::invalid_value(Unexpected::Str(&text), &expected))
    }
}

/// A set of prefixes: membership in O(log n), by binary search over disjoint, sorted ranges.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::qos) struct PrefixSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl PrefixSet {
    pub(in crate::qos) fn new(prefixes: &[Prefix]) -> Self {
        let mut set = Self::default();
        // `aggregate` sorts, and merges what overlaps or touches.
        for net in IpNet::aggregate(&prefixes.iter().map(|p| p.0).collect()) {
            match net {
                IpNet::V4(net) => set.v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => set.v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        set.v4.sort_unstable();
        set.v6.sort_unstable();
        set
    }

    pub(in crate::qos) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// As [`PrefixSet::contains`], and whether an IPv4 address inside an IPv6 address is in the set.
    pub(in crate::qos) fn contains_either_form(&self, address: Option<IpAddr>) -> bool {
        let inner = || address.and_then(embedded_ipv4).map(IpAddr::V4);
        self.contains(address) || self.contains(inner())
    }

    /// Whether any address of a prefix is in the set.
    pub(in crate::qos) fn overlaps(&self, prefix: &Prefix) -> bool {
        match prefix.0 {
            IpNet::V4(net) => meets_ranges(&self.v4, net.network().to_bits(), net.broadcast().to_bits()),
            IpNet::V6(net) => meets_ranges(&self.v6, net.network().to_bits(), net.broadcast().to_bits()),
        }
    }

    pub(in crate::qos) fn contains(&self, address: Option<IpAddr>) -> bool {
        match address.map(|a| a.to_canonical()) {
            Some(IpAddr::V4(a)) => in_ranges(&self.v4, a.to_bits()),
            Some(IpAddr::V6(a)) => in_ranges(&self.v6, a.to_bits()),
            None => false,
        }
    }
}

/// The IPv4 address of a NAT64 address with the well-known prefix (RFC 6052, section 2.1) or a 6to4 address (RFC 3056, section 2).
fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// The IPv4 prefix of the addresses inside NAT64 or 6to4 addresses of an IPv6 prefix.
fn embedded_net(net: IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(net) = net else { return None };
    let ways = [
        (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96_u8),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    ];
    ways.into_iter().find_map(|(start, length)| {
        let all = Ipv6Net::new(start, length).ok()?;
        if net.contains(&all) {
            return Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 0).ok();
        }
        let inner = (net.network().to_bits() >> (96 - length)) as u32;
        all.contains(&net).then(|| Ipv4Net::new(inner.into(), (net.prefix_len() - length).min(32)).ok())?
    })
}

/// Whether a value lies in one of the sorted, disjoint, closed ranges.
fn in_ranges<T: Ord + Copy>(ranges: &[(T, T)], value: T) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= value);
    ranges[..after].last().is_some_and(|&(_, last)| value <= last)
}

/// Whether a closed range shares a value with one of the sorted, disjoint, closed ranges.
fn meets_ranges<T: Ord + Copy>(ranges: &[(T, T)], first: T, last: T) -> bool {
    let after = ranges.partition_point(|&(start, _)| start <= last);
    ranges[..after].last().is_some_and(|&(_, end)| end >= first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(texts: &[&str]) -> PrefixSet {
        PrefixSet::new(&texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn mapped_addresses_are_ipv4_on_either_side() {
        let mapped = Some("::ffff:10.0.0.1".parse().unwrap());
        let plain = Some("10.0.0.1".parse().unwrap());
        for text in ["10.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.1", "::ffff:10.0.0.1"] {
            assert!(set(&[text]).contains(mapped), "{text}");
            assert!(set(&[text]).contains(plain), "{text}");
        }
        assert_eq!("::ffff:10.0.0.0/104".parse::<Prefix>().unwrap().to_string(), "10.0.0.0/8");
        // The address that *looks* like IPv4 at its end but is not mapped stays IPv6.
        assert!(!set(&["10.0.0.0/8"]).contains(Some("::10.0.0.1".parse().unwrap())));
    }

    #[test]
    fn an_ipv4_address_is_found_inside_nat64_and_6to4() {
        let ten = set(&["10.0.0.0/8"]);
        for (address, found) in [
            ("64:ff9b::10.0.0.1", true),
            ("64:ff9b::11.0.0.1", false),
            ("64:ff9b:1::10.0.0.1", false),
            ("2002:0a00:0001::1", true),
            ("2002:0b00:0001::1", false),
            ("2001:0a00:0001::1", false),
            ("10.0.0.1", true),
        ] {
            assert_eq!(ten.contains_either_form(Some(address.parse().unwrap())), found, "{address}");
        }
        // A prefix of IPv6 matches as before.
        assert!(set(&["64:ff9b::/96"]).contains_either_form(Some("64:ff9b::10.0.0.1".parse().unwrap())));
        assert!(!ten.contains_either_form(None));
    }

    #[test]
    fn host_bits_and_malformed_prefixes_are_rejected() {
        for text in ["10.0.0.1/8", "2001:db8::1/32", "10.0.0.0/33", "300.1.1.1", "10.0.0.0/", "", "localhost"]
        {
            let error = text.parse::<Prefix>().unwrap_err().to_string();
            assert!(error.contains("without host bits"), "{text}: {error}");
        }
    }

    #[test]
    fn leading_zeros_are_rejected() {
        for text in [
            "010.0.0.0/8",
            "010.0.0.1",
            "010.0.0.1/32",
            "10.0.0.0/08",
            "10.00.0.0/16",
            "10.0.0.00",
            "2001:db8::/032",
            "::ffff:010.0.0.0/104",
        ] {
            let error = text.parse::<Prefix>().unwrap_err().to_string();
            assert!(
                error.contains("without leading zeros, which some parsers read as octal"),
                "{text}: {error}"
            );
            let error = serde_json::from_value::<Prefix>(text.into()).unwrap_err().to_string();
            assert!(error.contains("without leading zeros"), "{text}: {error}");
        }
        // Groups of IPv6 are hexadecimal for everybody, and a length of 0 is one digit.
        for text in ["2001:0db8::/32", "0.0.0.0/0", "::/0", "0.0.0.0", "10.0.0.0/8"] {
            assert!(text.parse::<Prefix>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_missing_address_is_in_no_set() {
        assert!(!set(&["0.0.0.0/0", "::/0"]).contains(None));
        assert!(set(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn set_equals_asking_every_prefix(
            nets in prop::collection::vec((0_u32..16, 8_u8..=32), 0..40),
            low in any::<u32>(),
        ) {
            let prefixes: Vec<Prefix> = nets
                .iter()
                .map(|&(top, len)| {
                    let net = Ipv4Net::new((top << 28 | top << 8).into(), len).unwrap();
                    Prefix(IpNet::V4(net.trunc()))
                })
                .collect();
            let set = PrefixSet::new(&prefixes);
            for top in 0..16_u32 {
                let address = IpAddr::V4((top << 28 | top << 8 | low & 0x1ff).into());
                prop_assert_eq!(set.contains(Some(address)), prefixes.iter().any(|p| p.contains(address)));
            }
        }
    }
}
