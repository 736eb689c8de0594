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
    pub(crate) fn best() -> Self {
        Self::all().last().unwrap_or(Self::Any)
    }

    /// All registers of this processor, the widest last.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let wide = {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512cd")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            [avx2.then_some(Self::Avx2(Detected(()))), avx512.then_some(Self::Avx512(Detected(())))]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None; 0];
        std::iter::once(Self::Any).chain(wide.into_iter().flatten())
    }
}
