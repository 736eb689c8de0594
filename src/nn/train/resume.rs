//! Checks that a checkpoint belongs to the training that continues.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::nn::checkpoint::{Checkpoint, Origin, same_shape};

impl Checkpoint {
    /// Rejects another training than the training of the checkpoint; `weights` are the weights of its network.
    pub(super) fn check_origin(&self, of: &Origin, weights: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        let Origin { stage, seed, rows, config, .. } = &self.origin;
        if *stage != of.stage {
            return Err(Error::invalid("resume.stage", format!("`{}`", of.stage), format!("`{stage}`")));
        }
        for (name, expected, got) in [("seed", of.seed, *seed), ("rows", of.rows as u64, *rows as u64)] {
            if got != expected {
                return Err(Error::invalid(format!("resume.{name}"), format!("{expected} as now"), got));
            }
        }
        let (Value::Object(expected), Value::Object(got)) = (json(&of.config)?, json(config)?) else {
            return Ok(());
        };
        // Another device is allowed.
        for (name, expected) in expected.into_iter().filter(|(name, _)| name != "device") {
            let got = got.get(&name).unwrap_or(&Value::Null);
            if *got != expected {
                return Err(Error::invalid(
                    format!("resume.config.{name}"),
                    format!("{expected} as now"),
                    got,
                ));
            }
        }
        same_shape(weights, &self.weights, "resume.weights")
    }
}

fn json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::invalid("checkpoint", "representable as JSON", e))
}
