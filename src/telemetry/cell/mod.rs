//! One cell of text: numbers, times, spellings.

pub(crate) mod address;
pub(crate) mod clock;
pub(crate) mod fast_timestamp;
pub(crate) mod number;
pub(crate) mod reason;
pub(crate) mod spelling;
pub(crate) mod split;
