//! Loops that the compiler turns into wide instructions, picked when they run.
#![allow(
    unsafe_code,
    reason = "a function of wide instructions is called after the processor was asked for them"
)]

/// Declares functions that are compiled three times: for any processor, for AVX2 and for AVX-512.
///
/// Only the width of the registers differs, never the order of the operations, so all three give the same bits.
/// What the body calls must be `#[inline(always)]`, or it stays narrow.
macro_rules! wide {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $out:ty)? $body:block)+) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $kind),*) $(-> $out)? {
            #[allow(clippy::inline_always, reason = "inlined, it is compiled for its caller's registers")]
            #[inline(always)]
            fn any($($arg: $kind),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code, reason = "the processor was asked")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($arg: $kind),*) $(-> $out)? {
                    any($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $kind),*) $(-> $out)? {
                    any($($arg),*)
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the processor has what the function was compiled for.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has what the function was compiled for.
                    return unsafe { avx2($($arg),*) };
                }
            }
            any($($arg),*)
        }
    )+};
}

pub(crate) use wide;
