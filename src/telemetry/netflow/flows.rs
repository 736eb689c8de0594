//! Turns decoded records into rows, and counts the records that are not flows.

use std::collections::BTreeMap;

use super::columns::{Columns, Origin};
use super::counts::ExportCounts;
use super::domain::Sequence;
use super::element::Slot;
use super::record::Record;
use super::template::{Decoded, Template, UnusableFields};

/// Slots that count packets or bytes.
const COUNTED: u64 = Slot::Packets.bit()
    | Slot::Bytes.bit()
    | Slot::FrameBytes.bit()
    | Slot::ReversePackets.bit()
    | Slot::ReverseBytes.bit()
    | Slot::InitiatorPackets.bit()
    | Slot::ResponderPackets.bit()
    | Slot::InitiatorBytes.bit()
    | Slot::ResponderBytes.bit();

/// Slots of addresses.
const ADDRESSES: u64 = Slot::SrcV4.bit() | Slot::DstV4.bit() | Slot::SrcV6.bit() | Slot::DstV6.bit();

/// The rows, the counters, and the current record.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) columns: Columns,
    pub(super) counts: ExportCounts,
    pub(super) unusable: UnusableFields,
    pub(super) record: Record,
}

impl Flows {
    /// Decodes a data set and returns its number of records.
    pub(super) fn read_set(
        &mut self,
        template: &Template,
        set: &[u8],
        origin: &Origin<'_>,
        interval: impl Fn(&Record) -> Option<f64>,
    ) -> u32 {
        let Self { columns, counts, record, .. } = self;
        columns.reserve(template.max_records(set));
        let decoded = template.decode(set, record, |record| {
            accept(columns, counts, record, origin, interval(record));
        });
        self.count(decoded)
    }

    /// Adds the result of a set to the counters, and returns its number of records.
    pub(super) fn count(&mut self, decoded: Decoded) -> u32 {
        self.counts.records += u64::from(decoded.records);
        self.counts.truncated_records += u64::from(decoded.truncated);
        for (element, fields) in decoded.unusable {
            self.counts.unusable_fields += fields;
            *self.unusable.entry(element).or_default() += fields;
        }
        decoded.records
    }

    /// The counters of what was skipped that are not 0, and the unusable fields by element, for a report.
    pub(super) fn skipped(&self) -> BTreeMap<String, u64> {
        let mut skipped = self.counts.skipped();
        let named = |(element, fields): (&_, &u64)| (format!("unusable_element_{element}"), *fields);
        skipped.extend(self.unusable.iter().map(named));
        skipped
    }

    /// Makes the current record a row.
    pub(super) fn accept(&mut self, origin: &Origin<'_>, interval: Option<f64>) {
        self.counts.records += 1;
        accept(&mut self.columns, &mut self.counts, &self.record, origin, interval);
    }
}

/// Appends the record if it is a flow, and counts it otherwise.
#[inline]
fn accept(
    columns: &mut Columns,
    counts: &mut ExportCounts,
    record: &Record,
    origin: &Origin<'_>,
    interval: Option<f64>,
) {
    if record.present & ADDRESSES == 0 {
        counts.records_without_address += 1;
    } else if record.has(Slot::FirewallEvent) && record.present & COUNTED == 0 {
        counts.firewall_events += 1;
    } else {
        let remarks = columns.push(record, origin, interval);
        counts.flows += 1;
        counts.export_times += u64::from(remarks.estimated);
        counts.backward_times += u64::from(remarks.backwards);
        counts.rejected_times += u64::from(remarks.rejected);
    }
}

impl ExportCounts {
    /// Counts the losses before a datagram of `units`, as datagrams or as records.
    pub(super) fn follow(&mut self, sequence: Sequence, units: Option<u32>, in_records: bool) {
        let lost = if in_records { &mut self.lost_records } else { &mut self.lost_datagrams };
        match sequence {
            Sequence::Lost(missing) => *lost += u64::from(missing),
            Sequence::Late => {
                *lost = lost.saturating_sub(u64::from(units.unwrap_or(0)));
                self.late_datagrams += 1;
            }
            Sequence::Restart => self.sequence_restarts += 1,
        }
    }
}
