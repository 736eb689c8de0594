//! The bytes of a context's state: a version, a checksum, what the state belongs to, and the state itself.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::telemetry::Column;

/// The first bytes of every state; its version follows.
const MAGIC: &[u8; 7] = b"qos-ctx";
const VERSION: u8 = 1;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// What a state belongs to: the digest of a context's kind, its settings and the columns that it reads and appends.
pub(super) type Owner = [u8; DIGEST];

/// The owner of the states of a context.
pub(super) fn owner<'a>(
    kind: &str,
    config: &impl Serialize,
    columns: impl IntoIterator<Item = &'a Column>,
) -> Result<Owner> {
    let columns: Vec<&Column> = columns.into_iter().collect();
    let text = serde_json::to_vec(&(kind, config, columns))
        .map_err(|error| Error::invalid("context", "settings that JSON can hold", error))?;
    Ok(Sha256::digest(text).into())
}

/// The bytes of a state.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a state that has no binary form.
pub(super) fn write(owner: &Owner, state: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend([0; DIGEST]);
    bytes.extend(owner);
    let mut bytes = postcard::to_extend(state, bytes)
        .map_err(|error| Error::invalid("context", "a state with a binary form", error))?;
    seal(&mut bytes);
    Ok(bytes)
}

/// Writes the checksum of a state into its place.
fn seal(bytes: &mut [u8]) {
    let (head, rest) = bytes.split_at_mut(MAGIC.len() + 1 + DIGEST);
    head[MAGIC.len() + 1..].copy_from_slice(&Sha256::digest(rest));
}

/// Reads what [`write`] wrote. The caller checks the values.
///
/// # Errors
///
/// [`Error::CorruptArtifact`] for bytes that are not an intact state of this owner; [`Error::FormatTooNew`] for a state of a
/// newer release.
pub(super) fn read<S: DeserializeOwned>(owner: &Owner, bytes: &[u8]) -> Result<S> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| corrupt("not the state of a context"))?;
    let (&version, rest) = rest.split_first().ok_or_else(|| corrupt("the state ends early"))?;
    if version > VERSION {
        let (found, supported) = (u32::from(version), u32::from(VERSION));
        return Err(Error::FormatTooNew { path: PLACE.into(), found, supported });
    }
    let parts = rest.split_first_chunk().and_then(|(sum, rest)| Some((sum, rest, rest.split_first_chunk()?)));
    let (sum, sealed, (of, body)): (&[u8; DIGEST], _, (&Owner, _)) =
        parts.ok_or_else(|| corrupt("the state ends early"))?;
    if Sha256::digest(sealed)[..] != sum[..] {
        return Err(corrupt("the checksum does not match"));
    }
    if of != owner {
        return Err(corrupt("the state belongs to a context with other settings or for another schema"));
    }
    match postcard::take_from_bytes(body) {
        Ok((state, [])) => Ok(state),
        Ok(_) => Err(corrupt("there are bytes after the state")),
        Err(error) => Err(corrupt(error.to_string())),
    }
}

/// What errors call a state.
const PLACE: &str = "context state";

/// The error for a state that is not intact.
pub(super) fn corrupt(reason: impl Into<String>) -> Error {
    Error::CorruptArtifact { path: PLACE.into(), reason: reason.into() }
}

/// Whether a counter of a state is one that a context can have reached: it can still count on, and be added to others.
pub(super) const fn is_counter(n: u64) -> bool {
    n <= u64::MAX / 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_by_its_owner_only() {
        let column = Column::new("a", crate::telemetry::Role::Feature, crate::telemetry::Kind::Number);
        let mine = owner("host", &5, [&column]).unwrap();
        let bytes = write(&mine, &(7_u32, vec![1.5_f64])).unwrap();
        assert_eq!(read::<(u32, Vec<f64>)>(&mine, &bytes).unwrap(), (7, vec![1.5]));
        let reason = |owner: &Owner, bytes: &[u8]| match read::<(u32, Vec<f64>)>(owner, bytes) {
            Err(Error::CorruptArtifact { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(&owner("host", &6, [&column]).unwrap(), &bytes).contains("other settings"));
        assert!(reason(&owner("host", &5, []).unwrap(), &bytes).contains("another schema"));
        assert_eq!(reason(&mine, b"PK"), "not the state of a context");
        for n in MAGIC.len()..bytes.len() {
            let reason = reason(&mine, &bytes[..n]);
            assert!(
                reason == "the state ends early" || reason == "the checksum does not match",
                "{n}: {reason}"
            );
        }
        let mut longer = [&bytes[..], &[0]].concat();
        seal(&mut longer);
        assert_eq!(reason(&mine, &longer), "there are bytes after the state");
        let mut newer = bytes;
        newer[MAGIC.len()] = VERSION + 1;
        assert!(matches!(read::<u32>(&mine, &newer), Err(Error::FormatTooNew { found: 2, .. })));
    }
}
