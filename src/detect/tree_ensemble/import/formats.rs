//! Formats of model files by their first bytes.

use super::bad;
use crate::error::{Error, Result};

/// Formats that no import reads, and what to do with such a file.
const OTHERS: [(&[u8], &str, &str); 12] = [
    (b"\x80\x02", PICKLE, LOAD),
    (b"\x80\x03", PICKLE, LOAD),
    (b"\x80\x04", PICKLE, LOAD),
    (b"\x80\x05", PICKLE, LOAD),
    (b"x\x01", ZLIB, LOAD),
    (b"x\x5e", ZLIB, LOAD),
    (b"x\x9c", ZLIB, LOAD),
    (b"x\xda", ZLIB, LOAD),
    (b"\x1f\x8b", "gzip data", "decompress it first"),
    (b"PK\x03\x04", "a zip archive", "extract the model first"),
    (
        b"binf",
        "XGBoost's binary format",
        "load it in the XGBoost that wrote it and save it as `.json` or `.ubj`",
    ),
    (b"CBM1", "CatBoost's binary format", "CatBoost models are not supported"),
];
const PICKLE: &str = "a pickled Python object";
const ZLIB: &str = "zlib data, as joblib compresses pickles";
const LOAD: &str = "load it in Python and import the object, or save the model in its library's own format";

/// Whether a JSON object in UBJSON begins here: its first key has a length, or the object a type or a count.
pub(super) fn is_ubj(bytes: &[u8]) -> bool {
    matches!(bytes, [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'$' | b'#', ..])
}

/// The text of a model.
///
/// # Errors
///
/// [`Error::BadRecord`] that names the format where it is another one, and the line of bytes that are not UTF-8.
pub(super) fn text<'a>(bytes: &'a [u8], place: &str, expected: &str) -> Result<&'a str> {
    refuse_others(bytes, place, expected)?;
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        bad(place, line as u64, "", "bytes", format!("UTF-8 text, expected {expected}"))
    })
}

/// Rejects a format of [`OTHERS`] by its name, and UBJSON.
pub(super) fn refuse_others(bytes: &[u8], place: &str, expected: &str) -> Result<()> {
    let other = OTHERS.iter().find(|(start, ..)| bytes.starts_with(start));
    let (format, advice) = match other {
        Some(&(_, format, advice)) => (format, advice),
        None if is_ubj(bytes) => ("UBJSON, as XGBoost writes it", "import it as an XGBoost model"),
        None => return Ok(()),
    };
    let (place, column, value) = (place.to_owned(), String::new(), format.to_owned());
    Err(Error::BadRecord { place, line: 1, column, value, expected: format!("{expected}; {advice}") })
}
