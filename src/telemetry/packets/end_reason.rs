//! Why flows end.

/// Why a flow's record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// No packet for the idle timeout.
    Idle,
    /// It lasted for the active timeout.
    Active,
    /// Both sides sent FIN and the last was acknowledged (`cic_legacy`: one FIN).
    Fin,
    /// A side sent RST.
    Rst,
    /// The table was full and this flow had been silent for longest.
    Evicted,
    /// The capture ended.
    End,
    /// The flow goes on: this is what it is until now.
    Interim,
}

impl EndReason {
    /// The name that stands in the table.
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
