//! Files: which reader or writer a file gets, compression, sets of files, and logs that grow.

pub(crate) mod capture_magic;
pub(crate) mod chain;
pub(crate) mod follow;
pub(crate) mod format;
pub(crate) mod gzip;
pub(crate) mod packed;
pub(crate) mod read;
pub(crate) mod shared;
pub(crate) mod write;
