//! The chain: each line contains the hash of the line before it, and a check of its own bytes.

use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::header::{Header, MAGIC, NO_LINE, VERSION};
use super::record::LedgerRecord;
use crate::artifact::hex;
use crate::error::{Error, Result};

/// Maximum number of bytes of a line, its line break included. The limits of an entry keep every line below it.
pub(super) const MAX_LINE: usize = 16 << 10;

/// Hexadecimal digits of the check of a line: the first 64 bits of the SHA-256 of what precedes it.
const CHECK: usize = 16;
/// What separates the content of a line and its check.
const KEY: &str = r#","check":""#;
/// The end of a line, without its line break.
const END: &str = r#""}"#;

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Number of the next line.
    pub(super) next: u64,
    /// SHA-256 of the last line.
    pub(super) hash: String,
}

impl Head {
    pub(super) fn start() -> Self {
        Self { next: 0, hash: NO_LINE.into() }
    }

    /// The bytes of a line with its line break, and the head after it.
    pub(super) fn seal(&self, content: &impl Serialize) -> Result<(Vec<u8>, Self)> {
        let mut text = serde_json::to_string(content)
            .map_err(|error| Error::invalid("entry", "values that JSON can hold", error))?;
        text.pop();
        let check = check_of(text.as_bytes());
        let line = format!("{text}{KEY}{check}{END}\n");
        if line.len() > MAX_LINE {
            return Err(Error::invalid("entry", format!("a line of at most {MAX_LINE} bytes"), line.len()));
        }
        let head = self.after(&line.as_bytes()[..line.len() - 1]);
        Ok((line.into_bytes(), head))
    }

    /// The head after a line, which is given without its line break.
    fn after(&self, line: &[u8]) -> Self {
        Self { next: self.next + 1, hash: hex(&Sha256::digest(line)) }
    }

    /// Verifies the next line of a file, without its line break, and reads it.
    pub(super) fn record(&self, line: &[u8], path: &Path) -> Result<(LedgerRecord, Self)> {
        let broken = |reason: String| self.broken(path, reason);
        let content = content(line).ok_or_else(|| broken("the line and its check differ".into()))?;
        let record: LedgerRecord = serde_json::from_slice(&content)
            .map_err(|error| broken(format!("the line is not a record: {error}")))?;
        if record.seq != self.next {
            return Err(broken(format!("the line has the number {}", record.seq)));
        }
        if record.previous != self.hash {
            return Err(broken("the hash of the line before it differs".into()));
        }
        Ok((record, self.after(line)))
    }

    /// An error at the next line.
    pub(super) fn broken(&self, path: &Path, reason: String) -> Error {
        Error::BrokenLedger { path: path.to_path_buf(), seq: self.next, reason }
    }
}

/// Verifies the first line of a file, without its line break: its header, and the head after it.
pub(super) fn header(line: &[u8], path: &Path) -> Result<(Header, Head)> {
    let foreign = |reason: &str| Error::CorruptArtifact { path: path.to_path_buf(), reason: reason.into() };
    let Some(rest) = line.strip_prefix(MAGIC) else {
        return Err(foreign("the first line is not the first line of a ledger"));
    };
    let digits: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).take(9).collect();
    let version = String::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if version > VERSION {
        return Err(Error::FormatTooNew { path: path.to_path_buf(), found: version, supported: VERSION });
    }
    let content = content(line).ok_or_else(|| foreign("the first line and its check differ"))?;
    let header: Header = serde_json::from_slice(&content)
        .map_err(|error| foreign(&format!("the first line is not the first line of a ledger: {error}")))?;
    let start = Head { next: header.seq, hash: header.previous.clone() };
    let head = start.after(line);
    Ok((header, head))
}

/// The JSON of a line whose check fits it.
fn content(line: &[u8]) -> Option<Vec<u8>> {
    let tail = line.len().checked_sub(KEY.len() + CHECK + END.len())?;
    let (text, tail) = line.split_at(tail);
    let check = tail.strip_prefix(KEY.as_bytes())?.strip_suffix(END.as_bytes())?;
    if check != check_of(text).as_bytes() {
        return None;
    }
    let mut content = text.to_vec();
    content.push(b'}');
    Some(content)
}

fn check_of(text: &[u8]) -> String {
    hex(&Sha256::digest(text)[..CHECK / 2])
}
