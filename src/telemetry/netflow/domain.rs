//! The state of one observation domain of one exporter.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::config::NetflowConfig;
use super::counts::ExportCounts;
use super::element::Slot;
use super::record::{Clock, Record};
use super::template::Template;

/// A datagram is late if its sequence number is at most this far back. Otherwise the exporter has restarted.
const MAX_LATE: i32 = 1 << 12;

/// Datagrams are lost if the sequence number jumps ahead by at most this. Otherwise the exporter has restarted.
const MAX_LOSS: i32 = 1 << 20;

/// The export formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Netflow5,
    Netflow9,
    Ipfix,
    Sflow5,
}

impl Format {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Netflow5 => "netflow5",
            Self::Netflow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow5 => "sflow5",
        }
    }
}

/// Exporter, format, and observation domain, source id, engine or sub-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DomainKey {
    pub(super) exporter: IpAddr,
    pub(super) format: Format,
    pub(super) domain: u32,
}

/// Templates, options and sequence of a domain.
#[derive(Debug, Default)]
pub(super) struct Domain {
    pub(super) templates: HashMap<u16, Template>,
    pub(super) options: Options,
    /// The next sequence number; `None` if it is unknown.
    next_sequence: Option<u32>,
    /// Number of its last datagram.
    pub(super) last_datagram: u64,
}

/// What a sampling interval applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sampler {
    Selector(u64),
    Interface(u64),
}

/// The contents of options records.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The sampling interval of records without a more specific one.
    interval: Option<f64>,
    intervals: HashMap<Sampler, f64>,
    /// Start of the exporter, milliseconds since the Unix epoch.
    boot_ms: Option<u64>,
}

impl Options {
    /// The sampling interval of a record: from the record itself, its sampler, its interface or its domain, in this order.
    #[inline]
    pub(super) fn interval(&self, record: &Record) -> Option<f64> {
        let own = record.sampling_interval();
        if own.is_some() || self.intervals.is_empty() {
            return own.or(self.interval);
        }
        let of = |slot, sampler: fn(u64) -> Sampler| self.intervals.get(&sampler(record.get(slot)?)).copied();
        of(Slot::SamplerId, Sampler::Selector)
            .or_else(|| of(Slot::Input, Sampler::Interface))
            .or(self.interval)
    }

    /// The clock of a datagram. If the datagram has no uptime, the options determine it.
    pub(super) fn clock(&self, clock: Clock) -> Clock {
        Clock { uptime_ms: clock.uptime_ms.or_else(|| clock.since_boot(self.boot_ms?)), ..clock }
    }

    /// Takes the sampling interval and the start time from an options record.
    pub(super) fn update(&mut self, options: &Record, config: &NetflowConfig, counts: &mut ExportCounts) {
        counts.option_records += 1;
        if let Some(boot) = options.get(Slot::SystemInit).filter(|&ms| ms != 0) {
            self.boot_ms = Some(boot);
        }
        let Some(interval) = options.sampling_interval() else { return };
        let id = options.get(Slot::SamplerId).map(Sampler::Selector);
        let Some(sampler) = id.or_else(|| options.get(Slot::Input).map(Sampler::Interface)) else {
            self.interval = Some(interval);
            return;
        };
        if self.intervals.len() < config.max_samplers || self.intervals.contains_key(&sampler) {
            self.intervals.insert(sampler, interval);
        } else {
            counts.ignored_samplers += 1;
        }
    }
}

impl Domain {
    /// Stores a template. If there are too many, it replaces the one unused for longest.
    pub(super) fn keep(&mut self, id: u16, mut template: Template, limit: usize, counts: &mut ExportCounts) {
        template.used = self.last_datagram;
        if self.templates.len() >= limit && !self.templates.contains_key(&id) {
            let oldest = self.templates.iter().min_by_key(|(id, template)| (template.used, **id));
            if let Some(oldest) = oldest.map(|(&id, _)| id) {
                self.templates.remove(&oldest);
                counts.evicted_templates += 1;
            }
        }
        self.templates.insert(id, template);
    }

    /// Compares the sequence number of a datagram with the expected one.
    ///
    /// `units` is the increment of the sequence number by this datagram: its records, or 1. `None` if it is unknown.
    pub(super) fn follow(&mut self, sequence: u32, units: Option<u32>) -> Sequence {
        let ahead = self.next_sequence.map_or(0, |next| sequence.wrapping_sub(next).cast_signed());
        if (-MAX_LATE..0).contains(&ahead) {
            return Sequence::Late;
        }
        self.next_sequence = units.map(|units| sequence.wrapping_add(units));
        match ahead {
            0..=MAX_LOSS => Sequence::Lost(ahead.unsigned_abs()),
            _ => Sequence::Restart,
        }
    }
}

/// The result of the comparison of two sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// This many units are missing, often 0.
    Lost(u32),
    /// The datagram should have arrived earlier.
    Late,
    /// The exporter has restarted its count.
    Restart,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_late_and_restarted_sequences_are_distinguished() {
        let mut domain = Domain::default();
        let mut follow = |sequence, units| domain.follow(sequence, Some(units));
        assert_eq!(follow(u32::MAX, 30), Sequence::Lost(0), "the first datagram has no predecessor");
        assert_eq!(follow(29, 30), Sequence::Lost(0), "the number wraps around");
        assert_eq!(follow(69, 1), Sequence::Lost(10));
        assert_eq!(follow(59, 10), Sequence::Late);
        assert_eq!(follow(70, 1), Sequence::Lost(0));
        assert_eq!(follow(1 << 30, 1), Sequence::Restart);
        assert_eq!(follow(0, 1), Sequence::Restart);
        assert_eq!(domain.follow(1, None), Sequence::Lost(0));
        assert_eq!(domain.follow(900, Some(1)), Sequence::Lost(0), "after a datagram of unknown units");
    }

    #[test]
    fn the_template_unused_for_longest_is_replaced() {
        use super::super::template::{Field, Purpose};
        let template = || {
            let element = super::super::element::Element { enterprise: 0, id: 1 };
            let fields = [Field { element, len: 4, scope: false }];
            Template::compile(Purpose::Data, &fields).unwrap()
        };
        let (mut domain, mut counts) = (Domain::default(), ExportCounts::default());
        for id in 256..259 {
            domain.last_datagram = u64::from(id);
            domain.keep(id, template(), 2, &mut counts);
        }
        domain.keep(258, template(), 2, &mut counts);
        let mut left: Vec<u16> = domain.templates.keys().copied().collect();
        left.sort_unstable();
        assert_eq!((left, counts.evicted_templates), (vec![257, 258], 1));
    }
}
