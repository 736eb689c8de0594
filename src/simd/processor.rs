//! Detection of the instructions that the processor supports.

/// The registers that a kernel may use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Processor {
    /// The registers that every processor of the architecture has.
    Any,
    /// 32 bytes wide, with sums of products in one instruction.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
    /// 64 bytes wide, with masks.
    #[cfg(target_arch = "x86_64")]
    Avx512(Detected),
}

/// Proof that the instructions were detected; only [`Processor::all`] creates it.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detected(());

impl Processor {
    /// The widest registers of this processor.
    #[inline]
    pub(crate) fn best() -> Self {
        Self::avx512().or_else(Self::avx2).unwrap_or(Self::Any)
    }

    /// All registers of this processor, the widest last.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Any).chain(Self::avx2()).chain(Self::avx512())
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2() -> Option<Self> {
        let is_detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        is_detected.then_some(Self::Avx2(Detected(())))
    }

    #[cfg(target_arch = "x86_64")]
    fn avx512() -> Option<Self> {
        let is_detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        is_detected.then_some(Self::Avx512(Detected(())))
    }

    #[cfg(not(target_arch = "x86_64"))]
    const fn avx2() -> Option<Self> {
        None
    }

    #[cfg(not(target_arch = "x86_64"))]
    const fn avx512() -> Option<Self> {
        None
    }
}
