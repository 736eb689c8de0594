//! A `FlowSpec` route as NLRI and as a BGP UPDATE message.

use super::{Component, TrafficAction};
use crate::error::{Error, Result};

/// Bytes of an NLRI from which its length takes two bytes, which some routers do not read.
const MAX_NLRI: usize = 240;
/// Largest number of actions of a route: their attribute has a length of one byte.
const MAX_ACTIONS: usize = 31;

/// A `FlowSpec` route.
///
/// ```
/// use qosguard::qos::flowspec::{Component, FlowRoute, Operator, Term, TrafficAction};
///
/// let https = vec![Term { operator: Operator::Equal, value: 443, and: false }];
/// let route = FlowRoute {
///     is_v6: false,
///     components: vec![Component::Source("203.0.113.7".parse()?), Component::DestinationPort(https)],
///     actions: vec![TrafficAction::RateBytes { local_as: 0, bytes_per_second: 0 }],
/// };
/// assert_eq!(route.nlri()?, [10, 2, 32, 203, 0, 113, 7, 5, 0x91, 0x01, 0xbb]);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRoute {
    /// Whether it is a route of IPv6.
    pub is_v6: bool,
    /// What traffic it matches; they are written in the order of their numbers.
    pub components: Vec<Component>,
    /// What is done with the traffic.
    pub actions: Vec<TrafficAction>,
}

impl FlowRoute {
    /// The NLRI with its length.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for 240 bytes or more, for no component, two components of one kind, a component without a
    /// comparison, and a prefix of the other family.
    pub fn nlri(&self) -> Result<Vec<u8>> {
        let mut components: Vec<&Component> = self.components.iter().collect();
        components.sort_by_key(|component| component.code());
        if components.is_empty()
            || components.windows(2).any(|pair| matches!(pair, [a, b] if a.code() == b.code()))
        {
            return Err(Error::invalid("components", "one or more, each kind once", components.len()));
        }
        let mut bytes = vec![0];
        for component in components {
            self.check(component)?;
            component.write(&mut bytes);
        }
        let length = bytes.len() - 1;
        if length >= MAX_NLRI {
            return Err(Error::invalid("components", "less than 240 bytes as NLRI", length));
        }
        if let Some(first) = bytes.first_mut() {
            *first = length as u8;
        }
        Ok(bytes)
    }

    /// The UPDATE message that announces the route, with origin IGP, an empty AS path and local preference 100.
    ///
    /// # Errors
    ///
    /// As [`FlowRoute::nlri`], and for more than 31 actions.
    pub fn update(&self) -> Result<Vec<u8>> {
        if self.actions.len() > MAX_ACTIONS {
            return Err(Error::invalid("actions", "at most 31", self.actions.len()));
        }
        let nlri = self.nlri()?;
        // Family, no next hop, a reserved byte.
        let reach: Vec<u8> = [0, self.afi(), SAFI, 0, 0].into_iter().chain(nlri).collect();
        let mut attributes = attribute(0x80, MP_REACH, &reach);
        attributes.extend(attribute(0x40, ORIGIN, &[0]));
        attributes.extend(attribute(0x40, AS_PATH, &[]));
        attributes.extend(attribute(0x40, LOCAL_PREFERENCE, &100_u32.to_be_bytes()));
        let communities: Vec<u8> = self.actions.iter().flat_map(TrafficAction::bytes).collect();
        if !communities.is_empty() {
            attributes.extend(attribute(0xc0, EXTENDED_COMMUNITIES, &communities));
        }
        Ok(message(&attributes))
    }

    /// The UPDATE message that withdraws the route.
    ///
    /// # Errors
    ///
    /// As [`FlowRoute::nlri`].
    pub fn withdraw(&self) -> Result<Vec<u8>> {
        let unreach: Vec<u8> = [0, self.afi(), SAFI].into_iter().chain(self.nlri()?).collect();
        Ok(message(&attribute(0x80, MP_UNREACH, &unreach)))
    }

    const fn afi(&self) -> u8 {
        if self.is_v6 { 2 } else { 1 }
    }

    fn check(&self, component: &Component) -> Result<()> {
        match component {
            Component::Destination(prefix) | Component::Source(prefix) if prefix.is_v6() != self.is_v6 => {
                let family = if self.is_v6 { "an IPv6 prefix" } else { "an IPv4 prefix" };
                Err(Error::invalid("components", family, prefix))
            }
            Component::Destination(_) | Component::Source(_) | Component::Fragment(_) => Ok(()),
            Component::Protocol(terms)
            | Component::Port(terms)
            | Component::DestinationPort(terms)
            | Component::SourcePort(terms)
            | Component::PacketLength(terms)
            | Component::Dscp(terms) => {
                if terms.is_empty() {
                    return Err(Error::invalid("components", "one comparison or more", 0));
                }
                Ok(())
            }
        }
    }
}

/// Subsequent address family of `FlowSpec` rules.
const SAFI: u8 = 133;
const ORIGIN: u8 = 1;
const AS_PATH: u8 = 2;
const LOCAL_PREFERENCE: u8 = 5;
const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;
const EXTENDED_COMMUNITIES: u8 = 16;

/// A path attribute of less than 256 bytes, which the limits of routes guarantee.
fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags, code, value.len() as u8];
    bytes.extend(value);
    bytes
}

/// An UPDATE message (RFC 4271, section 4.3) without withdrawn routes and NLRI of its own.
fn message(attributes: &[u8]) -> Vec<u8> {
    let length = 19 + 2 + 2 + attributes.len();
    let mut bytes = vec![0xff; 16];
    bytes.extend((length as u16).to_be_bytes());
    bytes.push(2);
    bytes.extend([0, 0]);
    bytes.extend((attributes.len() as u16).to_be_bytes());
    bytes.extend(attributes);
    bytes
}
