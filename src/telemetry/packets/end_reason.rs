//! The reasons for which flows end.

/// Why the record of a flow was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The flow had no packet for the idle timeout.
    Idle,
    /// The flow lasted for the active timeout.
    Active,
    /// Both sides sent FIN and the last FIN was acknowledged. In the profile `cic_legacy`: one side sent FIN.
    Fin,
    /// One side sent RST.
    Rst,
    /// The table was full and this flow had been idle for longest.
    Evicted,
    /// The capture ended.
    End,
    /// The flow continues: an interim record covers it up to now.
    Interim,
}

impl EndReason {
    /// The name in the column of end reasons.
    ///
    /// ```
    /// assert_eq!(qosguard::telemetry::packets::EndReason::Fin.as_str(), "fin");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Evicted => "evicted",
            Self::End => "end",
            Self::Interim => "interim",
        }
    }
}
