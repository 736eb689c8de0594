//! Named flat arrays, little-endian as safetensors requires.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors, View};

/// Named one-dimensional arrays of a file, in name order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tensors(BTreeMap<String, Tensor>);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A number that a tensor can hold.
pub(crate) trait Element: Copy {
    /// Its safetensors type.
    const DTYPE: Dtype;
    /// Appends its little-endian bytes.
    fn put(self, bytes: &mut Vec<u8>);
    /// Reads it from exactly its own bytes.
    fn get(bytes: &[u8]) -> Option<Self>;
}

macro_rules! element {
    ($type:ty, $dtype:ident) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn get(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(<$type>::from_le_bytes)
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);
element!(u8, U8);
element!(u32, U32);
element!(i32, I32);
element!(u64, U64);

impl Element for bool {
    const DTYPE: Dtype = Dtype::BOOL;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(self.into());
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl Tensors {
    /// The tensors of a parsed file.
    pub(super) fn from_file(file: &SafeTensors<'_>) -> Self {
        let tensor = |view: safetensors::tensor::TensorView<'_>| Tensor {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        Self(file.iter().map(|(name, view)| (name.to_owned(), tensor(view))).collect())
    }

    /// What `safetensors` serialises.
    pub(super) fn views(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.0.iter()
    }

    /// Adds an array.
    pub(crate) fn put<T: Element>(&mut self, name: &str, values: &[T]) {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        for value in values {
            value.put(&mut bytes);
        }
        self.0.insert(name.to_owned(), Tensor { dtype: T::DTYPE, shape: vec![values.len()], bytes });
    }

    /// Takes an array out.
    ///
    /// # Errors
    ///
    /// In words, when it is absent or of another type.
    pub(crate) fn take<T: Element>(&mut self, name: &str) -> Result<Vec<T>, String> {
        let tensor = self.0.remove(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        if tensor.dtype != T::DTYPE || tensor.shape.len() != 1 {
            return Err(format!(
                "tensor `{name}` is {:?} {:?}, not flat {:?}",
                tensor.dtype,
                tensor.shape,
                T::DTYPE
            ));
        }
        let values: Option<Vec<T>> = tensor.bytes.chunks_exact(size_of::<T>()).map(T::get).collect();
        values.ok_or_else(|| format!("tensor `{name}` is cut"))
    }

    /// The name of an array, or its old name where the file has that.
    pub(crate) fn name_or_old(&self, name: String, old: &str) -> String {
        if self.0.contains_key(old) { old.to_owned() } else { name }
    }

    /// Takes an array out; an empty one where there is none.
    ///
    /// # Errors
    ///
    /// In words, when it is of another type.
    pub(crate) fn take_or_empty<T: Element>(&mut self, name: &str) -> Result<Vec<T>, String> {
        if self.0.contains_key(name) { self.take(name) } else { Ok(Vec::new()) }
    }

    /// Takes every array out whose name begins with a prefix, by the rest of its name.
    ///
    /// # Errors
    ///
    /// In words, when one is of another type.
    pub(crate) fn take_all<T: Element>(&mut self, prefix: &str) -> Result<BTreeMap<String, Vec<T>>, String> {
        let names: Vec<String> = self.0.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.iter().map(|name| Ok((name[prefix.len()..].to_owned(), self.take(name)?))).collect()
    }

    /// The first name that was not taken, if any.
    pub(crate) fn left_over(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_with_their_type() {
        let mut tensors = Tensors::default();
        tensors.put("a", &[1.5_f32, -0.0]);
        tensors.put("b", &[7_u32]);
        assert!(tensors.clone().take::<u32>("a").is_err());
        assert_eq!(tensors.take::<f32>("a").unwrap(), [1.5, -0.0]);
        assert_eq!(tensors.left_over(), Some("b"));
        tensors.put("c/x", &[1_u32]);
        tensors.put("c/y/z", &[2_u32]);
        assert!(tensors.clone().take_all::<f32>("c/").is_err());
        let all = tensors.take_all::<u32>("c/").unwrap();
        assert_eq!(all, BTreeMap::from([("x".into(), vec![1]), ("y/z".into(), vec![2])]));
        assert_eq!(tensors.left_over(), Some("b"));
        assert!(tensors.take::<u32>("c").is_err());
        assert!(tensors.take_all::<u32>("c/").unwrap().is_empty());
    }
}
