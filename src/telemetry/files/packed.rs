//! Archives and compressed files that are not read directly.

use crate::error::{Error, Result};

/// First bytes of a compressed file, its format, and what to do with it.
const FORMATS: [(&[u8], &str, &str); 9] = [
    (b"\xfd7zXZ\0", "an xz file", "unpack it first, for example with `xz -d`"),
    (
        b"PK\x03\x04",
        "a zip archive or a spreadsheet",
        "unpack it first with `unzip`, or save the sheet as CSV",
    ),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first, for example with `zstd -d`"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "unpack it first, for example with `lz4 -d`"),
    (b"\x1f\x9d", "a file of `compress`", "unpack it first, for example with `uncompress`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, for example with `7z x`"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first, for example with `unrar x`"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "save the sheet as CSV"),
    (b"SQLite f", "an SQLite database", "export a table as CSV"),
];

/// Checks that a file that begins with `head` is not compressed by another format than gzip.
///
/// # Errors
///
/// [`Error::Packed`].
pub(crate) fn check(place: &str, head: &[u8]) -> Result<()> {
    let known = FORMATS.iter().find(|(magic, ..)| head.starts_with(magic));
    let known = known.map(|&(_, format, remedy)| (format, remedy));
    let bzip2 = || is_bzip2(head).then_some(("a bzip2 file", "unpack it first, for example with `bzip2 -d`"));
    match known.or_else(bzip2) {
        Some((format, remedy)) => Err(Error::Packed { place: place.to_owned(), format, remedy }),
        None => Ok(()),
    }
}

/// `BZh`, the size of the blocks, and the start of the first block.
fn is_bzip2(head: &[u8]) -> bool {
    matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', ..])
}
