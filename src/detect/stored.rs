//! Detectors to and from a file: settings and sizes in the header, arrays as tensors.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifact::Tensors;

/// A detector's parts, which a file keeps in two places.
pub(crate) trait Stored: Sized {
    /// The part in the header.
    type Header: Serialize + DeserializeOwned;

    /// Puts the arrays under `at` and returns the rest.
    fn store(self, at: &str, tensors: &mut Tensors) -> Self::Header;

    /// Rebuilds the parts; the error is a sentence about what is missing.
    fn restore(header: Self::Header, at: &str, tensors: &mut Tensors) -> Result<Self, String>;
}

/// Implements [`Stored`] for parts whose fields are named as in the file; an empty optional tensor is left out.
/// `new was old` also reads files that have the tensor under its old name.
macro_rules! stored {
    ($parts:ident as $header:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? } tensors { $($tensor:ident $(was $old:ident)?),* $(,)? }
    $(optional { $($optional:ident),* $(,)? })?) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, missing_debug_implementations, reason = "only files see it")]
        pub(crate) struct $header {
            $($(#[$attribute])* $field: $type),*
        }

        impl $crate::detect::stored::Stored for $parts {
            type Header = $header;

            fn store(self, at: &str, tensors: &mut $crate::artifact::Tensors) -> $header {
                $(tensors.put(&format!("{at}/{}", stringify!($tensor)), &self.$tensor);)*
                $($(if !self.$optional.is_empty() {
                    tensors.put(&format!("{at}/{}", stringify!($optional)), &self.$optional);
                })*)?
                $header { $($field: self.$field),* }
            }

            fn restore(
                header: $header,
                at: &str,
                tensors: &mut $crate::artifact::Tensors,
            ) -> Result<Self, String> {
                Ok(Self {
                    $($field: header.$field,)*
                    $($tensor: {
                        let name = format!("{at}/{}", stringify!($tensor));
                        $(let name = tensors.name_or_old(name, &format!("{at}/{}", stringify!($old)));)?
                        tensors.take(&name)?
                    },)*
                    $($($optional: tensors.take_or_empty(&format!("{at}/{}", stringify!($optional)))?,)*)?
                })
            }
        }
    };
}
pub(crate) use stored;

/// Puts the weights of a network under `{at}/weights/`, by name.
pub(crate) fn put_weights(weights: &BTreeMap<String, Vec<f32>>, at: &str, tensors: &mut Tensors) {
    for (name, values) in weights {
        tensors.put(&format!("{at}/weights/{name}"), values);
    }
}

/// Takes all weights under `{at}/weights/` out; the network checks them.
pub(crate) fn take_weights(at: &str, tensors: &mut Tensors) -> Result<BTreeMap<String, Vec<f32>>, String> {
    tensors.take_all(&format!("{at}/weights/"))
}
