//! The column that says whose row it is.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where the column stands that says whose row it is; as text a number or a name.
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
#[serde(untagged, expecting = "expected the place of a column, from 0, or its name")]
pub enum EntityColumn {
    /// Its place in the matrix, from 0.
    Index(usize),
    /// Its name among the features of a guard, which finds its place; a matrix alone has no names.
    Name(String),
}

impl EntityColumn {
    /// Its place in a matrix of so many columns.
    pub(super) fn index(&self, n_features: usize) -> Result<usize> {
        match self {
            Self::Index(index) if *index < n_features => Ok(*index),
            Self::Index(index) => {
                Err(Error::invalid("entity", format!("a column below {n_features}"), index))
            }
            Self::Name(name) => {
                Err(Error::invalid("entity", "the number of a column, where columns have no names", name))
            }
        }
    }

    /// The same column by its place among columns of these names.
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
