//! What the flow table did.

use serde::{Deserialize, Serialize};

use super::end_reason::EndReason;

/// Counters of a flow table. Every flow that started has ended in one way or is still held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlowCounts {
    /// Packets taken.
    pub packets: u64,
    /// Flows started; a timeout starts another one.
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
    /// Ended with the capture.
    pub end: u64,
    /// Records of flows that went on.
    pub interim: u64,
    /// Packets with an earlier time than the one before in their flow; their gap counts as 0.
    pub backwards: u64,
    /// Silent TCP connections, all records of which are written, that were forgotten early because the table
    /// was full: what they send next counts as a new connection.
    pub forgotten: u64,
    /// Most flows and silent connections that were held at a time.
    pub most_held: u64,
}

impl FlowCounts {
    /// Flows that ended.
    pub const fn ended(&self) -> u64 {
        self.idle + self.active + self.fin + self.rst + self.evicted + self.end
    }

    /// Records written: one of each flow that ended, and the interim ones.
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
