//! Which connections failed: there was no answer, or the answer was a reset.

/// Words for connections that were tried and not established: Zeek, Argus (UNSW-NB15) and Suricata.
const FAILED: [&str; 9] = ["S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR", "INT", "REQ", "new"];

const SYN: u32 = 0x02;
const RST: u32 = 0x04;
const ACK: u32 = 0x10;

/// What one record contains of how its connection ended; `None` for what its source does not have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending<'a> {
    /// The connection's state, in the source's own words.
    pub(super) state: Option<&'a str>,
    /// TCP flags of all packets.
    pub(super) flags: Option<u32>,
    /// Packets with RST.
    pub(super) resets: Option<f64>,
    /// Packets that came back.
    pub(super) replies: Option<f64>,
    /// Bytes that came back.
    pub(super) reply_bytes: Option<f64>,
}

impl Ending<'_> {
    /// Whether the connection failed. A state decides where there is one; then replies: none, or one packet in a flow
    /// with a reset; then flags: a SYN that no ACK followed; then bytes that came back.
    pub(super) fn failed(&self) -> bool {
        if let Some(state) = self.state.map(str::trim).filter(|state| !state.is_empty() && *state != "-") {
            return FAILED.iter().any(|failed| failed.eq_ignore_ascii_case(state));
        }
        let reset = self.resets.is_some_and(|resets| resets > 0.0)
            || self.flags.is_some_and(|flags| flags & RST != 0);
        match (self.replies, self.flags, self.reply_bytes) {
            (Some(replies), ..) => replies <= 0.0 || (reset && replies <= 1.0),
            (None, Some(flags), _) => flags & (SYN | ACK) == SYN,
            (None, None, Some(bytes)) => bytes <= 0.0,
            (None, None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_has_decides() {
        let state = |state| Ending { state: Some(state), replies: Some(9.0), ..Ending::default() }.failed();
        assert!(state("REJ") && state("int") && state("new"));
        assert!(!state("SF") && !state("CON") && !state("established"));
        let replies = |replies, resets| {
            Ending { replies: Some(replies), resets: Some(resets), ..Ending::default() }.failed()
        };
        assert!(replies(0.0, 0.0) && replies(1.0, 1.0));
        assert!(!replies(1.0, 0.0) && !replies(5.0, 1.0));
        let flags = |flags| Ending { flags: Some(flags), ..Ending::default() }.failed();
        assert!(flags(SYN) && flags(SYN | RST) && !flags(SYN | ACK) && !flags(0));
        assert!(Ending { reply_bytes: Some(0.0), ..Ending::default() }.failed());
        assert!(!Ending::default().failed());
    }
}
