//! Numbers and names in a column: varints as postcard has them, zigzag, strings that end in a zero byte.
//! Knows no block.

/// Appends a number: 7 bits a byte, the lowest first, the top bit set on all but the last byte.
pub(super) fn put(column: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        column.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    column.push((number & 0x7f) as u8);
}

/// `to - from`, small for small distances in either direction; exact for any two numbers.
pub(super) fn distance(from: u64, to: u64) -> u64 {
    let signed = to.wrapping_sub(from).cast_signed();
    ((signed << 1) ^ (signed >> 63)).cast_unsigned()
}

/// The inverse of [`distance`].
pub(super) fn at_distance(from: u64, distance: u64) -> u64 {
    from.wrapping_add((distance >> 1) ^ (distance & 1).wrapping_neg())
}

/// Reads from the front of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a>(pub(super) &'a [u8]);

impl<'a> Column<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// A number in its shortest form, which alone is what [`put`] writes.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                let fits = shift < 63 || byte <= 1;
                return (shortest && fits).then_some(number | bits << shift);
            }
            number |= bits << shift;
        }
        None
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// What stands before the next zero byte, which is passed over.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let string = std::ffi::CStr::from_bytes_until_nul(self.0).ok()?.to_bytes();
        self.0 = self.0.get(string.len() + 1..)?;
        Some(string)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_number_comes_back_and_takes_its_shortest_form(number in any::<u64>(), bits in 0..64_u32) {
            let number = number >> bits;
            let mut column = Vec::new();
            put(&mut column, number);
            prop_assert_eq!(&column, &postcard::to_allocvec(&number).unwrap_or_default());
            let mut reader = Column(&column);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn what_is_read_as_a_number_is_what_is_written_for_it(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Column(&bytes);
            if let Some(number) = reader.number() {
                let mut again = Vec::new();
                put(&mut again, number);
                again.extend_from_slice(reader.0);
                prop_assert_eq!(again, bytes);
            }
        }

        #[test]
        fn any_distance_leads_back(from in any::<u64>(), to in any::<u64>()) {
            prop_assert_eq!(at_distance(from, distance(from, to)), to);
        }
    }
}
