//! Random choices that a seed brings back (`SplitMix64`). Not for secrets.

/// A generator of choices.
pub struct Random(u64);

impl Random {
    /// The generator number `index` of a family that `seed` names.
    pub fn new(seed: u64, index: usize) -> Self {
        Self(seed ^ (index as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them, if there is any.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len().max(1) as u64);
        from.get(usize::try_from(index).unwrap())
    }
}

#[test]
fn the_same_seed_makes_the_same_choices_and_another_one_others() {
    let choices = |seed, index| {
        let mut random = Random::new(seed, index);
        (0..20).map(|_| random.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(choices(7, 1), choices(7, 1));
    assert_ne!(choices(7, 1), choices(7, 2));
    assert_ne!(choices(7, 1), choices(8, 1));
}
