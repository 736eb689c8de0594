//! The file format: one safetensors file with a JSON header and a SHA-256 over everything else.
//!
//! `docs/FORMAT.md` is normative.

mod tensors;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use safetensors::tensor::serialize;
use safetensors::{SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub(crate) use tensors::Tensors;

use crate::error::{Error, Result};
use crate::replace::Replacement;

/// Newest format version that this release reads, and the one that it writes.
pub(crate) const FORMAT_VERSION: u32 = 4;
/// The only key of the safetensors metadata.
const KEY: &str = "qosguard";
/// Larger files are rejected before they are read.
const MAX_BYTES: u64 = 1 << 30;
/// Takes the place of the digest while the digest is computed.
const BLANK: [u8; 64] = [b'0'; 64];

/// The part of the header that every version shares.
#[derive(Deserialize)]
struct Envelope {
    format_version: u32,
    digest: String,
}

/// A packed file.
#[derive(Debug)]
pub(crate) struct Packed {
    /// The whole file.
    pub(crate) bytes: Vec<u8>,
    /// The digest in its header, 64 hexadecimal digits.
    pub(crate) digest: String,
}

/// Packs a header and its tensors, and writes the digest into the header.
///
/// Adds `format_version`, `written_by` and `digest` to the header. A file that [`read_file`] rejects for its size is an error.
pub(crate) fn pack(header: Map<String, Value>, tensors: &Tensors) -> Result<Packed> {
    pack_within(MAX_BYTES, header, tensors)
}

fn pack_within(max: u64, mut header: Map<String, Value>, tensors: &Tensors) -> Result<Packed> {
    let blank = String::from_utf8_lossy(&BLANK).into_owned();
    header.insert("format_version".into(), FORMAT_VERSION.into());
    header.insert("written_by".into(), concat!("qosguard ", env!("CARGO_PKG_VERSION")).into());
    header.insert("digest".into(), blank.into());
    let metadata = HashMap::from([(KEY.to_owned(), Value::Object(header).to_string())]);
    let bytes = serialize(tensors.views(), Some(metadata))
        .map_err(|e| Error::invalid("guard", "representable", e))?;
    if bytes.len() as u64 > max {
        return Err(Error::invalid("guard", format!("at most {max} bytes"), bytes.len()));
    }
    stamp(bytes)
        .ok_or_else(|| Error::invalid("guard", "free of text that looks like its own digest", "a copy of it"))
}

/// Replaces the blank by the digest; `None` unless the file contains the blank exactly once.
fn stamp(mut bytes: Vec<u8>) -> Option<Packed> {
    let at = digits_of(&bytes, &String::from_utf8_lossy(&BLANK))?;
    let digest = hex(&Sha256::digest(&bytes));
    bytes.get_mut(at..at + BLANK.len())?.copy_from_slice(digest.as_bytes());
    Some(Packed { bytes, digest })
}

/// Where the digits of this digest start; `None` unless the file contains them exactly once.
fn digits_of(bytes: &[u8], digest: &str) -> Option<usize> {
    // The header is compact JSON inside a JSON string, so its quotes are escaped.
    const BEFORE: &str = r#"\"digest\":\""#;
    let needle = format!(r#"{BEFORE}{digest}\""#);
    let mut found = memchr::memmem::find_iter(bytes, needle.as_bytes());
    found.next().filter(|_| found.next().is_none()).map(|at| at + BEFORE.len())
}

/// Unpacks what [`pack`] made, after its digest and its version were verified.
pub(crate) fn unpack(bytes: &[u8], path: &Path) -> Result<(Map<String, Value>, Tensors)> {
    let corrupt = |reason: String| Error::CorruptArtifact { path: path.to_path_buf(), reason };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| corrupt(e.to_string()))?;
    let text = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY))
        .ok_or_else(|| corrupt(format!("no `{KEY}` header")))?;
    let envelope: Envelope = serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
    verify(bytes, &envelope.digest).map_err(&corrupt)?;
    if envelope.format_version == 0 {
        return Err(corrupt("format version 0; the first is 1".into()));
    }
    if envelope.format_version > FORMAT_VERSION {
        return Err(Error::FormatTooNew {
            path: path.to_path_buf(),
            found: envelope.format_version,
            supported: FORMAT_VERSION,
        });
    }
    let header = serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| corrupt(e.to_string()))?;
    Ok((header, Tensors::from_file(&file)))
}

/// Packs one value and its tensors under the name of what it is.
///
/// # Errors
///
/// As [`pack`]; [`Error::InvalidArgument`] for a value that JSON cannot hold.
pub(crate) fn pack_one(kind: &str, value: &impl Serialize, tensors: &Tensors) -> Result<Vec<u8>> {
    let value = serde_json::to_value(value).map_err(|e| Error::invalid(kind, "representable as JSON", e))?;
    let header = Map::from_iter([("kind".to_owned(), kind.into()), (kind.to_owned(), value)]);
    Ok(pack(header, tensors)?.bytes)
}

/// Unpacks what [`pack_one`] made. `build` makes the value and takes all the tensors; its errors make
/// the file corrupt.
pub(crate) fn unpack_one<H: DeserializeOwned, T>(
    kind: &str,
    bytes: &[u8],
    path: &Path,
    build: impl FnOnce(H, &mut Tensors) -> Result<T, String>,
) -> Result<T> {
    let corrupt = |reason: String| Error::CorruptArtifact { path: path.to_path_buf(), reason };
    let (mut header, mut tensors) = unpack(bytes, path)?;
    let found = header.remove("kind");
    if found != Some(Value::from(kind)) {
        return Err(corrupt(format!("kind is {found:?}, not \"{kind}\"")));
    }
    let value = header.remove(kind).unwrap_or_default();
    let value = H::deserialize(value).map_err(|e| corrupt(e.to_string()))?;
    let whole = build(value, &mut tensors).map_err(&corrupt)?;
    match tensors.left_over() {
        Some(name) => Err(corrupt(format!("unknown tensor `{name}`"))),
        None => Ok(whole),
    }
}

/// Whether bytes are a packed file of this release or an earlier one, unchanged.
pub(crate) fn is_intact(bytes: &[u8], path: &Path) -> bool {
    unpack(bytes, path).is_ok()
}

/// Checks the digest against every byte but its own 64.
fn verify(bytes: &[u8], digest: &str) -> Result<(), String> {
    if digest.len() != BLANK.len() {
        return Err(format!("the digest has {} digits, not {}", digest.len(), BLANK.len()));
    }
    let at = digits_of(bytes, digest).ok_or("the file does not contain its digest exactly once")?;
    let mut hash = Sha256::new();
    hash.update(&bytes[..at]);
    hash.update(BLANK);
    hash.update(&bytes[at + BLANK.len()..]);
    let found = hex(&hash.finalize());
    if found == digest { Ok(()) } else { Err(format!("SHA-256 is {found}, the header has {digest}")) }
}

/// SHA-256 of a header and its tensors, whichever release packs them; 64 hexadecimal digits.
pub(crate) fn content_digest(header: &Map<String, Value>, tensors: &Tensors) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (key, value) in header {
        part(key.as_bytes());
        part(value.to_string().as_bytes());
    }
    for (name, tensor) in tensors.views() {
        part(name.as_bytes());
        part(&tensor.data());
    }
    hex(&hash.finalize())
}

/// The digest in the header of a packed file.
pub(crate) fn digest_of(header: &Map<String, Value>) -> String {
    header.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Reads a whole file; one over [`MAX_BYTES`] is an error.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::CorruptArtifact {
            path: path.to_path_buf(),
            reason: format!("larger than {MAX_BYTES} bytes"),
        });
    }
    Ok(bytes)
}

/// Writes a sibling, flushes it to disk, then renames it: a reader sees the old file or the new one.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = Replacement::create(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(|e| Error::io(path, e))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut tensors = Tensors::default();
        tensors.put("x", &[7_u32]);
        pack(Map::from_iter([("kind".to_owned(), "guard".into())]), &tensors).unwrap().bytes
    }

    #[test]
    fn what_was_packed_comes_back() {
        let (header, mut tensors) = unpack(&packed(), Path::new("x")).unwrap();
        assert_eq!(header["kind"], "guard");
        assert_eq!(tensors.take::<u32>("x").unwrap(), [7]);
        assert_eq!(digest_of(&header).len(), 64);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_file(&ours, b"x").unwrap();
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    /// The packed file with another version, and the digest blank.
    fn of_version(version: u8) -> Vec<u8> {
        let mut bytes = packed();
        let (header, _) = unpack(&bytes, Path::new("x")).unwrap();
        let digits = digits_of(&bytes, &digest_of(&header)).unwrap();
        bytes[digits..digits + BLANK.len()].copy_from_slice(&BLANK);
        let key = br#"\"format_version\":4"#;
        let at = memchr::memmem::find(&bytes, key).unwrap();
        bytes[at + key.len() - 1] = version;
        bytes
    }

    #[test]
    fn what_could_not_be_read_is_not_packed() {
        let pack = |max| pack_within(max, Map::new(), &Tensors::default()).map(|packed| packed.bytes);
        let size = pack(MAX_BYTES).unwrap().len() as u64;
        assert!(pack(size).is_ok());
        let error = pack(size - 1).unwrap_err();
        let expected = format!("`guard` must be at most {} bytes, got {size}", size - 1);
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn no_file_was_ever_of_version_0() {
        let error = unpack(&stamp(of_version(b'0')).unwrap().bytes, Path::new("x")).unwrap_err();
        assert_eq!(error.to_string(), "x: not intact: format version 0; the first is 1");
    }

    #[test]
    fn a_newer_format_and_a_damaged_file_give_different_errors() {
        let newer = of_version(b'7');
        let damaged = unpack(&newer, Path::new("x")).unwrap_err();
        assert_eq!(damaged.kind().as_str(), "corrupt_artifact", "the digest is checked first");
        let error = unpack(&stamp(newer).unwrap().bytes, Path::new("x")).unwrap_err();
        assert!(matches!(error, Error::FormatTooNew { found: 7, supported: FORMAT_VERSION, .. }), "{error}");
    }
}
