//! Hosts, prefixes and other named entities of events.

use std::net::IpAddr;

use ipnet::IpNet;

/// An address, a prefix, or another name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entity {
    Net(IpNet),
    Name(String),
}

impl Entity {
    fn of(text: &str) -> Self {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::Net(IpNet::from(address.to_canonical()));
        }
        text.parse::<IpNet>().map_or_else(|_| Self::Name(text.to_owned()), |net| Self::Net(net.trunc()))
    }

    /// Equal names, or networks with a common address.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Net(a), Self::Net(b)) => a.contains(b) || b.contains(a),
            (Self::Name(a), Self::Name(b)) => a == b,
            _ => false,
        }
    }
}

/// The attackers and victims of an event.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    attackers: Vec<Entity>,
    victims: Vec<Entity>,
}

impl Hosts {
    pub(super) fn of(attackers: &[String], victims: &[String]) -> Self {
        let entities = |texts: &[String]| texts.iter().map(|text| Entity::of(text)).collect();
        Self { attackers: entities(attackers), victims: entities(victims) }
    }

    /// Whether both have an attacker or a victim in common, or one of them has no hosts.
    pub(super) fn agree(&self, other: &Self) -> bool {
        let common = |a: &[Entity], b: &[Entity]| a.iter().any(|a| b.iter().any(|b| a.overlaps(b)));
        self.is_empty()
            || other.is_empty()
            || common(&self.attackers, &other.attackers)
            || common(&self.victims, &other.victims)
    }

    fn is_empty(&self) -> bool {
        self.attackers.is_empty() && self.victims.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_match_their_prefixes_and_roles_are_kept_apart() {
        let hosts = |attackers: &[&str], victims: &[&str]| {
            let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            Hosts::of(&texts(attackers), &texts(victims))
        };
        let event = hosts(&["198.18.0.1"], &["10.0.0.5", "10.0.0.6"]);
        assert!(event.agree(&hosts(&[], &["10.0.0.0/24"])));
        assert!(event.agree(&hosts(&["198.18.0.1"], &["10.9.9.9"])));
        assert!(event.agree(&hosts(&["::ffff:198.18.0.1"], &[])));
        assert!(event.agree(&hosts(&[], &[])));
        assert!(!event.agree(&hosts(&["10.0.0.5"], &["198.18.0.1"])), "the roles are exchanged");
        assert!(!event.agree(&hosts(&[], &["10.0.1.0/24"])));
        assert!(hosts(&[], &["device-1"]).agree(&hosts(&[], &["device-1"])));
        assert!(!hosts(&[], &["device-1"]).agree(&hosts(&[], &["device-2", "10.0.0.1"])));
    }
}
