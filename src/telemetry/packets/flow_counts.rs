//! The counters of the flow table.

use serde::{Deserialize, Serialize};

use super::end_reason::EndReason;

/// Counters of a flow table. Every flow that was started has ended for one reason or is still in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlowCounts {
    /// Packets pushed.
    pub packets: u64,
    /// Flows started. A packet after a timeout starts another flow.
    pub started: u64,
    /// Ended by the idle timeout.
    pub idle: u64,
    /// Ended by the active timeout.
    pub active: u64,
    /// Ended by FIN.
    pub fin: u64,
    /// Ended by RST.
    pub rst: u64,
    /// Ended because the table was full.
    pub evicted: u64,
    /// Ended by the end of the capture.
    pub end: u64,
    /// Interim records of flows that continued.
    pub interim: u64,
    /// Packets with an earlier time than the packet before in their flow. Their gap counts as 0.
    pub backwards: u64,
    /// Idle TCP connections that were removed early because the table was full. All their records are written. Their
    /// next packet counts as a new connection.
    pub forgotten: u64,
    /// Largest number of flows and remembered idle connections in the table at one time.
    #[serde(alias = "most_held")]
    pub max_held: u64,
}

impl FlowCounts {
    /// Flows that ended.
    pub const fn ended(&self) -> u64 {
        self.idle + self.active + self.fin + self.rst + self.evicted + self.end
    }

    /// Records written: one for each flow that ended, and the interim records.
    pub const fn records(&self) -> u64 {
        self.ended() + self.interim
    }

    pub(super) const fn count(&mut self, reason: EndReason) {
        let counter = match reason {
            EndReason::Idle => &mut self.idle,
            EndReason::Active => &mut self.active,
            EndReason::Fin => &mut self.fin,
            EndReason::Rst => &mut self.rst,
            EndReason::Evicted => &mut self.evicted,
            EndReason::End => &mut self.end,
            EndReason::Interim => &mut self.interim,
        };
        *counter += 1;
    }
}
