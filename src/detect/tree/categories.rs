//! A set of small whole numbers: the categories that a split sends left.

/// Categories as a bit set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Categories(Box<[u64]>);

impl Categories {
    /// Categories from here on are in no set.
    pub(crate) const END: u32 = 1 << 16;

    /// The set of these categories; those at or beyond [`Categories::END`] are left out.
    pub(crate) fn new(categories: impl IntoIterator<Item = u32>) -> Self {
        let mut words = Vec::new();
        for category in categories.into_iter().filter(|&c| c < Self::END) {
            let word = category as usize / 64;
            if word >= words.len() {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << (category % 64);
        }
        Self(words.into())
    }

    /// Whether `value`, cut to a whole number, is in the set; NaN and numbers below 0 never are.
    pub(crate) fn contains(&self, value: f32) -> bool {
        // The cast saturates: what is too large lies beyond every word.
        let category = value as u32;
        let word = self.0.get(category as usize / 64).copied().unwrap_or_default();
        value > -1.0 && word >> (category % 64) & 1 == 1
    }

    /// The categories, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let bits = |(at, &word): (usize, &u64)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 64 + bit)
        };
        self.0.iter().enumerate().flat_map(bits)
    }

    /// Memory that the set takes, in bytes.
    pub(crate) fn size_in_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_nothing_else_is() {
        let set = Categories::new([0, 3, 64, 200, Categories::END]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 64, 200]);
        for inside in [0.0, -0.5, 3.0, 3.9, 64.0, 200.0] {
            assert!(set.contains(inside), "{inside}");
        }
        for outside in [-1.0, 1.0, 63.0, 65536.0, f32::MAX, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!set.contains(outside), "{outside}");
        }
        assert!(!Categories::default().contains(0.0));
    }
}
