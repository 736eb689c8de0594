//! The column with the entity of each row.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The column with the entity of each row; as text its index or its name.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{EntityAutoencodersConfig, EntityColumn};
///
/// let config: EntityAutoencodersConfig = serde_json::from_str(r#"{"entity": "service"}"#)?;
/// assert_eq!(config.entity, "service".into());
/// assert_eq!(EntityAutoencodersConfig::default().entity, EntityColumn::Index(0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the index of a column, from 0, or its name")]
pub enum EntityColumn {
    /// Its index in the matrix, from 0.
    Index(usize),
    /// Its name among the features of a guard, which resolves it to an index; a matrix alone does not have names.
    Name(String),
}

impl EntityColumn {
    /// Its index in a matrix of so many columns.
    pub(super) fn index(&self, n_features: usize) -> Result<usize> {
        match self {
            Self::Index(index) if *index < n_features => Ok(*index),
            Self::Index(index) => {
                Err(Error::invalid("entity", format!("a column below {n_features}"), index))
            }
            Self::Name(name) => Err(Error::invalid(
                "entity",
                "the index of a column, because the columns of a matrix have no names",
                name,
            )),
        }
    }

    /// The same column by its index among columns with these names.
    pub(crate) fn among(&self, names: &[String]) -> Result<Self> {
        let Self::Name(name) = self else { return Ok(self.clone()) };
        let index = names.iter().position(|other| other == name);
        index.map(Self::Index).ok_or_else(|| {
            Error::invalid("entity", format!("one of the features {}", names.join(", ")), name)
        })
    }
}

impl From<usize> for EntityColumn {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for EntityColumn {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}
