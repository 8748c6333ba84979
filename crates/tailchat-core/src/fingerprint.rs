//! A room in eight words, for two people to compare aloud. Knows what a disk holds by its digest alone, and no peer's
//! word: the words are made here, from what is here.

use std::fmt;

use bip39::Language;

use crate::ids::RoomId;

/// Words of a fingerprint.
const WORDS: usize = 8;
/// Bits that a word stands for: the list has 2,048.
const WORD_BITS: usize = 11;
/// Bytes of the hash that the words spell.
const SPELT_LEN: usize = WORDS * WORD_BITS / 8;

/// What a disk holds of a room, as words: equal on two disks if both hold the same changes of the same room, and
/// otherwise by chance in one of 2^88 cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([&'static str; WORDS]);

impl Fingerprint {
    /// Of a room and the digest of what the disk holds of it, [`crate::state::RoomState::digest`].
    #[must_use]
    pub fn of(room: RoomId, digest: &[u8; 16]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 room fingerprint v1");
        let hash = hasher.update(&room.0).update(digest).finalize();
        let spelt = hash.as_bytes().iter().take(SPELT_LEN);
        let bits = spelt.fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let list = Language::English.word_list();
        Self(std::array::from_fn(|at| {
            let number = bits >> ((WORDS - 1 - at) * WORD_BITS) & ((1 << WORD_BITS) - 1);
            let word = usize::try_from(number).ok().and_then(|number| list.get(number));
            // 11 bits always name one of the 2,048.
            word.copied().unwrap_or_default()
        }))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ActorId;
    use crate::state::RoomState;

    const ROOM: RoomId = RoomId([7; 16]);

    #[test]
    fn the_words_are_those_that_the_protocol_says() {
        let words = |digest| Fingerprint::of(ROOM, &digest).to_string();
        let spelt = "tissue pull price start keen boring okay notice";
        assert_eq!(words([0; 16]), spelt);
        let spelt = "alter seat equal rich confirm affair sport bid";
        assert_eq!(words([1; 16]), spelt);
    }

    #[test]
    fn words_are_equal_if_and_only_if_room_and_changes_are() {
        let words = |room, state: &RoomState| Fingerprint::of(room, &state.digest()).to_string();
        let (mut here, mut there) = (RoomState::default(), RoomState::default());
        assert_eq!(words(ROOM, &here), words(ROOM, &there));
        // The same changes, whoever's came first.
        for (state, order) in [(&mut here, [1, 2]), (&mut there, [2, 1])] {
            for actor in order {
                state.author(ActorId([actor; 16]), vec![vec![actor; 9]]);
            }
        }
        let before = words(ROOM, &here);
        assert_eq!(before, words(ROOM, &there));
        assert_ne!(before, words(RoomId([8; 16]), &here));
        there.author(ActorId([1; 16]), vec![vec![3; 9]]);
        assert_ne!(before, words(ROOM, &there));
        let words: Vec<_> = before.split(' ').collect();
        assert_eq!(words.len(), WORDS);
    }
}
