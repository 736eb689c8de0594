//! Loops that the compiler turns into wide instructions, chosen at run time.
#![allow(
    unsafe_code,
    reason = "a function with wide instructions is called only if the processor supports them"
)]

/// Declares functions that are compiled three times: for any processor, for AVX2 and for AVX-512.
///
/// Only the width of the registers differs, never the order of the operations, so all three give the same bits.
/// Functions that the body calls must be `#[inline(always)]`, or they are compiled for narrow registers.
macro_rules! wide {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $out:ty)? $body:block)+) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $kind),*) $(-> $out)? {
            #[allow(clippy::inline_always, reason = "inlined, it is compiled for its caller's registers")]
            #[inline(always)]
            fn any($($arg: $kind),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code, reason = "the processor supports the instructions")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($arg: $kind),*) $(-> $out)? {
                    any($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $kind),*) $(-> $out)? {
                    any($($arg),*)
                }
                match $crate::simd::Processor::best() {
                    $crate::simd::Processor::Any => {}
                    // SAFETY: the processor supports the instructions of the function.
                    $crate::simd::Processor::Avx2(_) => return unsafe { avx2($($arg),*) },
                    // SAFETY: the processor supports the instructions of the function.
                    $crate::simd::Processor::Avx512(_) => return unsafe { avx512($($arg),*) },
                }
            }
            any($($arg),*)
        }
    )+};
}

pub(crate) use wide;
