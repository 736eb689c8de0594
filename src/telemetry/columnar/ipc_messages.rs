//! The messages of Arrow IPC, checked before the decoder sees them.
//!
//! The decoder does not check the lengths in a message: a few hostile bytes would make it allocate more memory
//! than there is, which ends the program. Here a body is as long as the bytes that were read, and every
//! length inside lies within it.

use std::io::{Read, Seek, SeekFrom};

use crate::arrow::buffer::Buffer;
use crate::arrow::error::ArrowError;
use crate::arrow::ipc::{Message, MessageHeader, RecordBatch, root_as_message};

/// Largest description of a message, in bytes.
const DESCRIPTION_BYTES: u64 = 16 << 20;

/// Largest footer of a file, in bytes.
const FOOTER_BYTES: u64 = 64 << 20;

/// Largest body of a message, in bytes.
const BODY_BYTES: u64 = 4 << 30;

/// Bytes that a body may unpack to: these, and as often its own length.
const UNPACKED_BYTES: u64 = 256 << 20;
const UNPACKED_TIMES: u64 = 64;

/// Room that is made for a body before its bytes came.
const ROOM: u64 = 64 << 20;

/// A message: its description, which [`root_as_message`] has verified, and its body.
pub(crate) struct Frame {
    description: Vec<u8>,
    pub(crate) body: Buffer,
}

impl Frame {
    /// The description.
    pub(crate) fn message(&self) -> Result<Message<'_>, ArrowError> {
        root_as_message(&self.description).map_err(|e| refused(format!("a message that is broken: {e}")))
    }
}

/// Reads the next message; `None` at the mark of the end, and where the input ends between messages.
pub(crate) fn next(input: &mut impl Read) -> Result<Option<Frame>, ArrowError> {
    let mut word = Vec::new();
    input.take(4).read_to_end(&mut word)?;
    if word.is_empty() {
        return Ok(None);
    }
    if word == [0xff; 4] {
        // Older writers leave this mark out.
        word = exactly(input, 4)?;
    }
    let length = u64::from(u32::from_le_bytes(word.try_into().map_err(|_| cut())?));
    if length == 0 {
        return Ok(None);
    }
    if length > DESCRIPTION_BYTES {
        return Err(refused(format!("a message with a description of {length} bytes")));
    }
    let mut frame = Frame { description: exactly(input, length)?, body: Buffer::default() };
    let length = u64::try_from(frame.message()?.bodyLength()).ok().filter(|&length| length <= BODY_BYTES);
    let length = length.ok_or_else(|| refused("a message with a body of more than 4 GiB"))?;
    frame.body = exactly(input, length)?.into();
    let message = frame.message()?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|d| d.data()),
        _ => None,
    };
    if let Some(batch) = batch {
        check(&batch, &frame.body)?;
    }
    Ok(Some(frame))
}

/// Checks every length that a batch states against its body.
fn check(batch: &RecordBatch<'_>, body: &[u8]) -> Result<(), ArrowError> {
    let rows = |n: i64| (0..=i64::from(i32::MAX)).contains(&n);
    let nodes = batch.nodes().into_iter().flatten();
    if !rows(batch.length()) || nodes.into_iter().any(|n| !rows(n.length()) || !rows(n.null_count())) {
        return Err(refused("a batch of impossible length"));
    }
    let buffers = batch.buffers().map_or(0, |buffers| buffers.len());
    let counts = batch.variadicBufferCounts().into_iter().flatten();
    if counts.into_iter().any(|n| usize::try_from(n).is_ok_and(|n| n > buffers) || n < 0) {
        return Err(refused("a column of more buffers than there are"));
    }
    let packed = batch.compression().is_some();
    if packed && cfg!(not(feature = "parquet")) {
        return Err(refused("a packed batch, which only builds with the feature `parquet` read"));
    }
    let mut unpacked = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = place.and_then(|(start, length)| body.get(start..start.checked_add(length)?));
        let bytes = bytes.ok_or_else(|| refused("a buffer outside its message"))?;
        if packed && !bytes.is_empty() {
            let length = bytes.first_chunk().map(|first| i64::from_le_bytes(*first));
            // -1 means that the buffer is not packed.
            let length =
                length.filter(|&n| n >= -1).ok_or_else(|| refused("a packed buffer without a length"))?;
            unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(bytes.len() as u64));
        }
    }
    if unpacked > UNPACKED_BYTES.saturating_add((body.len() as u64).saturating_mul(UNPACKED_TIMES)) {
        return Err(refused(format!("a batch of {} bytes that unpacks to {unpacked}", body.len())));
    }
    Ok(())
}

/// Reads so many bytes; the memory grows with what comes.
fn exactly(input: &mut impl Read, length: u64) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::with_capacity(length.min(ROOM) as usize);
    input.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(cut()) } else { Ok(bytes) }
}

/// Reads the footer of an Arrow file, which is before the magic bytes at the end.
pub(crate) fn footer(file: &mut (impl Read + Seek), magic: &[u8]) -> Result<Vec<u8>, ArrowError> {
    let end = 4 + magic.len() as u64;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.checked_sub(end).ok_or_else(cut)?))?;
    let last = exactly(file, end)?;
    let Some((bytes, _)) = last.split_first_chunk().filter(|(_, name)| *name == magic) else {
        return Err(cut());
    };
    let bytes = u64::from(u32::from_le_bytes(*bytes));
    if bytes > FOOTER_BYTES {
        return Err(refused(format!("a footer of {bytes} bytes")));
    }
    file.seek(SeekFrom::Start(length.checked_sub(end + bytes).ok_or_else(cut)?))?;
    exactly(file, bytes)
}

fn cut() -> ArrowError {
    refused("data that ends too early")
}

fn refused(what: impl Into<String>) -> ArrowError {
    ArrowError::IpcError(what.into())
}
