//! Panics of the decoders of Arrow and Parquet as errors.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use crate::arrow::error::ArrowError;

thread_local! {
    /// Whether this thread runs a decoder, whose panics are not printed.
    static DECODES: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs a decoder, which may panic on damaged bytes: a panic becomes an error and is not printed.
///
/// The panic hook of the program still gets the panics of all other code, also of other threads.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    if !std::thread::panicking() {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !DECODES.try_with(Cell::get).unwrap_or(false) {
                    before(info);
                }
            }));
        });
    }
    let outer = DECODES.replace(true);
    // After a panic the decoder is not used again, so its state does not matter.
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(work));
    DECODES.set(outer);
    outcome.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message =
            message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the decoder stopped");
        Err(ArrowError::ParseError(message.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static PRINTED: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn only_the_panics_of_decoders_are_not_printed() {
        panic::set_hook(Box::new(|_| {
            PRINTED.fetch_add(1, Ordering::SeqCst);
        }));
        let error = caught::<()>(|| panic!("byte {} is wrong", 7)).unwrap_err();
        assert!(error.to_string().contains("byte 7 is wrong"), "{error}");
        assert_eq!(PRINTED.load(Ordering::SeqCst), 0);
        let outside = std::thread::spawn(|| panic!("outside"));
        assert!(outside.join().is_err());
        let inside: Result<(), _> = caught(|| {
            std::thread::spawn(|| panic!("another thread")).join().unwrap_err();
            Ok(())
        });
        assert!(inside.is_ok());
        assert_eq!(PRINTED.load(Ordering::SeqCst), 2);
    }
}
