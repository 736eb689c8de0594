//! What became of each datagram, set and record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! counts {
    ($($name:ident $meaning:literal;)*) => {
        /// Counters of an export stream: nothing is left out without one of them.
        ///
        /// `datagrams`, `records` and `flows` count what was read; every other counter stands for something
        /// that was left out, lost, or read with a reservation.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct ExportCounts {
            $(#[doc = $meaning] pub $name: u64,)*
        }

        impl ExportCounts {
            /// The counters by name.
            ///
            /// # Examples
            ///
            /// ```
            /// use qosguard::telemetry::netflow::ExportCounts;
            ///
            /// assert!(ExportCounts::default().named().all(|(_, count)| count == 0));
            /// ```
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counts! {
    datagrams "Datagrams that came in.";
    records "Data and options records, and flow samples, that were read.";
    flows "Records that became rows.";
    malformed_datagrams "Datagrams that contradict themselves; what stood before the fault was read.";
    unsupported_datagrams "Datagrams of another version or protocol, such as NetFlow v7.";
    dropped_datagrams "Datagrams that found the collector's queue full.";
    lost_datagrams "Datagrams missing by the sequence numbers of NetFlow v9 and sFlow.";
    lost_records "Records missing by the sequence numbers of NetFlow v5 and IPFIX.";
    late_datagrams "Datagrams that came after later ones; they no longer count as lost.";
    sequence_restarts "Jumps of a sequence number that no loss explains.";
    templates "Templates that came in, repetitions included.";
    withdrawn_templates "Templates that an exporter withdrew.";
    refused_templates "Templates without a byte, of too many fields or bytes, or that contradict themselves.";
    evicted_templates "Templates of a domain that made room for others: the ones unused for longest.";
    evicted_domains "Observation domains that made room for others: the ones silent for longest.";
    kept_sets "Data sets that came before their template and were kept for it.";
    replayed_sets "Kept data sets that were read when their template came.";
    dropped_sets "Data sets whose template did not come in time, or for which there was no room.";
    skipped_sets "Sets with a reserved identifier.";
    truncated_records "Records of variable length that do not fit in their set.";
    option_records "Options records: the exporter speaks of itself.";
    ignored_samplers "Samplers of a domain beyond the limit.";
    firewall_events "Firewall events without a count, such as a connection made or denied.";
    records_without_address "Records of no flow: neither source nor destination address.";
    export_times "Flows whose times are not told, or by an unknown clock: the time of the export stands for them.";
    backward_times "Flows that end before they start: they have no duration.";
    rejected_times "Flows with an impossible time, after the year 5138 or an uptime more than 24 days old, which is ignored.";
    unset_clocks "Datagrams whose header time is before 1996, of a clock that was never set; the time of reception replaces it if it is known.";
    unusable_fields "Fields of records with a length or value that their element cannot have; the report counts them by element.";
    counter_samples "sFlow samples of interface counters.";
    skipped_samples "sFlow samples of other kinds, and flow samples without a packet that can be read.";
}

/// Counters of what was read, as opposed to left out.
const READ: [&str; 3] = ["datagrams", "records", "flows"];

impl ExportCounts {
    /// What was left out, for a report.
    pub(super) fn skipped(&self) -> BTreeMap<String, u64> {
        let left_out = self.named().filter(|(name, count)| *count > 0 && !READ.contains(name));
        left_out.map(|(name, count)| (name.to_owned(), count)).collect()
    }
}
