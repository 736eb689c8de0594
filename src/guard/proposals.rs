//! The decisions of an assessment as what a plan is made from.

use super::endpoints::Endpoints;
use super::{Assessment, Guard};
use crate::error::{Error, Result};
use crate::progress;
use crate::qos::{Action, Prefix, Proposal, read_time};
use crate::telemetry::{Table, protocol_number, read_address};

/// Rows between two checks for cancellation.
const CHECK_EVERY: usize = 1024;

impl Guard {
    /// The decisions of an assessment with the addresses and times of their records, for a [`Plan`](crate::qos::Plan).
    ///
    /// A record whose time is not known as a time has `None`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the assessment is not of this table, [`Error::Cancelled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::{Plan, PlanConfig, RenderConfig, Renderer};
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
    /// let guard = Guard::builder().fit(&flows)?;
    /// let proposals = guard.proposals(&flows, &guard.assess(&flows)?)?;
    /// let now = proposals.iter().filter_map(|proposal| proposal.time).fold(0.0, f64::max);
    /// let plan = Plan::new(&proposals, now, guard.policy(), &PlanConfig::default())?;
    /// assert!(!plan.entries().is_empty());
    /// assert!(plan.render(Renderer::Nftables, &RenderConfig::default())?.text().starts_with("add table inet qosguard"));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn proposals(&self, table: &Table, assessment: &Assessment) -> Result<Vec<Proposal>> {
        let (expected, got) = (table.n_rows(), assessment.len());
        if expected != got {
            return Err(Error::ShapeMismatch { what: "assessed rows", expected, got });
        }
        let endpoints = Endpoints::new(self.schema(), table);
        let mut proposals = Vec::with_capacity(got);
        for (row, decision) in assessment.decisions().enumerate() {
            if row % CHECK_EVERY == 0 {
                progress::check()?;
            }
            let proposal = Proposal {
                id: decision.id,
                action: decision.action,
                severity: decision.verdict.severity,
                dry_run: decision.dry_run,
                ..Proposal::default()
            };
            if decision.action == Action::Allow {
                proposals.push(proposal);
                continue;
            }
            let ends = endpoints.get(row);
            let read = |text: &Option<String>| text.as_deref().map(read_address);
            let (source, destination) = (read(&ends.src_ip), read(&ends.dst_ip));
            proposals.push(Proposal {
                source: source.flatten().map(Prefix::from),
                unread_address: source == Some(None) || destination == Some(None),
                destination: destination.flatten(),
                protocol: ends.protocol.as_deref().and_then(protocol_number),
                dst_port: ends.dst_port,
                time: ends.time.as_deref().and_then(read_time),
                ..proposal
            });
        }
        Ok(proposals)
    }
}
