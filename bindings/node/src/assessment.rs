//! `Assessment`: scores, p-values and decisions of a table.

use napi::bindgen_prelude::{Float32Array, Float64Array, Uint32Array};
use napi_derive::napi;

use crate::convert::whole;
use crate::decision::Decision;
use crate::error::Result;

/// Scores, p-values and decisions of a table's rows, in row order.
#[napi]
#[derive(Debug)]
pub struct Assessment {
    pub(crate) inner: qosguard::Assessment,
}

#[napi]
impl Assessment {
    /// Number of rows.
    #[napi(getter, catch_unwind)]
    pub fn length(&self) -> f64 {
        self.inner.len() as f64
    }

    /// One score per row; higher is more anomalous. Copied out once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn scores(&self) -> Float32Array {
        self.inner.scores().to_vec().into()
    }

    /// Share of clean traffic that scores at least this high, in (0, 1]. Copied out once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn p_values(&self) -> Float64Array {
        self.inner.p_values().to_vec().into()
    }

    /// Calibrated probability that each row is an attack; empty unless the detector learns from labels. Copied out once,
    /// when first read.
    #[napi(getter, catch_unwind)]
    pub fn probabilities(&self) -> Float64Array {
        self.inner.probabilities().to_vec().into()
    }

    /// Names of the members of an ensemble, in order; empty for a single detector.
    #[napi(getter, catch_unwind)]
    pub fn members(&self) -> Vec<String> {
        self.inner.members().to_vec()
    }

    /// Each member's p-value, row after row: as many numbers per row as there are `members`. NaN for a member that has no
    /// part in a row's verdict. Copied out once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn member_p_values(&self) -> Float64Array {
        self.inner.member_p_values().to_vec().into()
    }

    /// Names of the experts of a mixture, in order; empty for any other detector.
    #[napi(getter, catch_unwind)]
    pub fn experts(&self) -> Vec<String> {
        self.inner.experts().to_vec()
    }

    /// How much each expert counted, row after row: as many numbers per row as there are `experts`. Copied out once, when
    /// first read.
    #[napi(getter, catch_unwind)]
    pub fn gate_weights(&self) -> Float32Array {
        self.inner.gate_weights().to_vec().into()
    }

    /// Cells that were missing or infinite and were imputed.
    #[napi(getter, catch_unwind)]
    pub fn imputed(&self) -> f64 {
        self.inner.imputed() as f64
    }

    /// Rows with an address that cannot be read; their action is `allow`, by the rule `unread-address`.
    #[napi(getter, catch_unwind)]
    pub fn unread_addresses(&self) -> f64 {
        self.inner.unread_addresses() as f64
    }

    /// Rows without an address that are allowed, by the rule `no-address`, because it could be in the allow-list.
    #[napi(getter, catch_unwind)]
    pub fn missing_addresses(&self) -> f64 {
        self.inner.missing_addresses() as f64
    }

    /// What the policy could not do with these records, such as rules that never apply for lack of a column.
    #[napi(getter, catch_unwind)]
    pub fn warnings(&self) -> Vec<String> {
        let notices = self.inner.notices().into_iter().filter(qosguard::guard::Notice::is_warning);
        notices.map(|notice| notice.to_string()).collect()
    }

    /// The rows that are anomalies, in row order; `decision` has the rest of each. Copied out once, when first read.
    #[napi(getter, catch_unwind)]
    pub fn anomalies(&self) -> Uint32Array {
        let threshold = self.inner.decision(0).map_or(f32::INFINITY, |decision| decision.verdict.threshold);
        let scores = self.inner.scores().iter().zip(0..);
        let rows: Vec<u32> = scores.filter(|&(&score, _)| score > threshold).map(|(_, row)| row).collect();
        rows.into()
    }

    /// The decision for one row, or `null` past the last.
    #[napi(catch_unwind)]
    pub fn decision(&self, row: f64) -> Result<Option<Decision>> {
        Ok(self.inner.decision(whole("row", row)?).map(Into::into))
    }

    /// The `n` most anomalous rows, highest score first; for equal scores the earlier row is first.
    #[napi(catch_unwind)]
    pub fn top(&self, n: f64) -> Result<Vec<Decision>> {
        Ok(self.inner.top(whole("n", n)?).into_iter().map(Into::into).collect())
    }
}
