//! A detector alone in a file, for those who need no guard.

use std::path::Path;

use super::{AnyDetector, AnyHeader};
use crate::artifact::{self, Tensors};
use crate::error::Result;

/// What the names of the arrays begin with, as in a guard's file.
const PREFIX: &str = "detector";

impl AnyDetector {
    /// The detector as the bytes of a file; [`AnyDetector::from_bytes`] makes it again, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a detector that takes more than a file may
    /// (1 GiB).
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::{AnyDetector, AnyDetectorConfig, Detector, Fit, FitContext, IsolationForestConfig};
    /// use qosguard::ndarray::Array2;
    ///
    /// let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i * (j + 7)) % 13) as f32);
    /// let detector = AnyDetectorConfig::from(IsolationForestConfig::default()).fit(x.view(), FitContext::default())?.model;
    /// let again = AnyDetector::from_bytes(&detector.to_bytes()?)?;
    /// assert_eq!(again.score(x.view())?, detector.score(x.view())?);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors = Tensors::default();
        let header = self.store(PREFIX, &mut tensors);
        artifact::pack_one("detector", &header, &tensors)
    }

    /// Reads a detector from the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptArtifact`](crate::Error::CorruptArtifact) for bytes that are not an intact detector;
    /// [`Error::FormatTooNew`](crate::Error::FormatTooNew) for the bytes of a newer release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes, Path::new("bytes"))
    }

    /// Writes the detector to a file, atomically.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io); as [`AnyDetector::to_bytes`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        artifact::write_file(path.as_ref(), &self.to_bytes()?)
    }

    /// Reads a detector that [`AnyDetector::save`] wrote, in this or any earlier release.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io); as [`AnyDetector::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&artifact::read_file(path)?, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        artifact::unpack_one("detector", bytes, path, |header: AnyHeader, tensors| {
            Self::restore(header, PREFIX, tensors)
        })
    }
}
