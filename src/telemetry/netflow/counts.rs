//! The counters of datagrams, sets and records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! counts {
    ($($(#[$attribute:meta])* $name:ident $meaning:literal;)*) => {
        /// Counters of an export stream. Everything that is skipped is counted.
        ///
        /// `datagrams`, `records` and `flows` count what was read. Every other counter counts something that was skipped,
        /// lost, or read in part.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct ExportCounts {
            $(#[doc = $meaning] $(#[$attribute])* pub $name: u64,)*
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
    datagrams "Datagrams received.";
    records "Data records, options records and flow samples that were read.";
    flows "Rows.";
    malformed_datagrams "Datagrams that contradict themselves. The part before the error was read.";
    unsupported_datagrams "Datagrams of another version or protocol, such as NetFlow v7.";
    dropped_datagrams "Datagrams that did not fit into the collector's queue.";
    lost_datagrams "Datagrams that are missing according to the sequence numbers of NetFlow v9 and sFlow.";
    lost_records "Records that are missing according to the sequence numbers of NetFlow v5 and IPFIX.";
    late_datagrams "Datagrams that arrived after later ones. They no longer count as lost.";
    sequence_restarts "Jumps of a sequence number that are too large for a loss.";
    templates "Templates received, including repetitions.";
    withdrawn_templates "Templates that an exporter withdrew.";
    #[serde(alias = "refused_templates")]
    rejected_templates "Templates of zero bytes, with too many fields or bytes, or that contradict themselves.";
    evicted_templates "Templates that were replaced because their domain had too many: the ones unused for longest.";
    evicted_domains "Observation domains that were replaced because there were too many: the ones without datagrams for longest.";
    kept_sets "Data sets that arrived before their template and were kept.";
    replayed_sets "Kept data sets that were read when their template arrived.";
    dropped_sets "Data sets whose template did not arrive in time, or that did not fit.";
    skipped_sets "Sets with a reserved identifier.";
    truncated_records "Records of variable length that do not fit in their set.";
    option_records "Options records, which describe the exporter.";
    ignored_samplers "Samplers of a domain beyond the limit.";
    firewall_events "Firewall events without a count, such as a created or denied connection.";
    records_without_address "Records without a source and a destination address, which are not flows.";
    export_times "Flows without times, or with times of an unknown clock. They get the time of the export.";
    backward_times "Flows that end before they start. They have no duration.";
    rejected_times "Flows with an impossible time, which is ignored: after the year 5138, or an uptime more than 24 days old.";
    unset_clocks "Datagrams with a header time before 1996, from a clock that was never set. The time of reception replaces it if it is known.";
    unusable_fields "Fields of records with an impossible length or value for their element. The report counts them by element.";
    counter_samples "sFlow samples of interface counters.";
    skipped_samples "sFlow samples of other kinds, and flow samples without a readable packet.";
}

/// Counters of what was read. The others count what was skipped.
const READ: [&str; 3] = ["datagrams", "records", "flows"];

impl ExportCounts {
    /// The counters of what was skipped, for a report.
    pub(super) fn skipped(&self) -> BTreeMap<String, u64> {
        let skipped = self.named().filter(|(name, count)| *count > 0 && !READ.contains(name));
        skipped.map(|(name, count)| (name.to_owned(), count)).collect()
    }
}
