//! Messages on standard error.

use std::fmt::Display;
use std::io::Write;

/// Prints one message. A closed standard error is not an error: nobody reads it.
pub(crate) fn tell(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
