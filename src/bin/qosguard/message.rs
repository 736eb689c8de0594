//! Messages on standard error, and lists that are short enough for them.

use std::fmt::Display;
use std::io::Write;

/// Prints one message. A closed standard error is not an error: nobody reads it.
pub(crate) fn print_message(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// The first names of a list, and how many more there are.
pub(crate) fn few(names: &[String]) -> String {
    const LISTED: usize = 8;
    let listed = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
