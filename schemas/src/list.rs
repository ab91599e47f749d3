//! A list that stands where it is and allocates only beyond its first few elements. It is moved about with what holds
//! it, so those are as few as suffice nearly always.

/// `N` elements in place, and whatever more there are.
#[derive(Debug, Clone)]
pub(crate) struct List<T, const N: usize = 2> {
    few: [T; N],
    count: usize,
    more: Vec<T>,
}

impl<T: Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { few: std::array::from_fn(|_| T::default()), count: 0, more: Vec::new() }
    }
}

impl<T, const N: usize> List<T, N> {
    pub(crate) fn push(&mut self, value: T) {
        match self.few.get_mut(self.count) {
            Some(place) => {
                *place = value;
                self.count += 1;
            }
            None => self.more.push(value),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.few.iter().take(self.count).chain(&self.more)
    }

    pub(crate) const fn len(&self) -> usize {
        self.count + self.more.len()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Default, const N: usize> FromIterator<T> for List<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut list = Self::default();
        values.into_iter().for_each(|value| list.push(value));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_comes_out_in_order_however_much_it_is() {
        for count in 0..10 {
            let list: List<usize> = (0..count).collect();
            assert_eq!(list.iter().copied().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            assert_eq!(list.len(), count);
            assert_eq!((0..count).collect::<List<usize, 0>>().iter().count(), count);
        }
    }
}
