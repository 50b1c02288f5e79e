//! Two halves of a handshake message become one, although a stranger may slip in false halves.
//! Source: docs/protocol.md#reassembly.

use crate::wire::packet::Part;

/// A joined message, boxed because it is too large to move around.
pub(super) type Whole<const WHOLE: usize> = Box<[u8; WHOLE]>;

/// Up to `VARIANTS` distinct variants of each half of a message. Every combination is handed
/// out once, so that an injected half cannot keep the true ones apart.
#[derive(Debug)]
pub(super) struct Assembly<const HALF: usize, const VARIANTS: usize> {
    first: Vec<Box<[u8; HALF]>>,
    second: Vec<Box<[u8; HALF]>>,
    handed_out: Vec<(usize, usize)>,
}

impl<const HALF: usize, const VARIANTS: usize> Default for Assembly<HALF, VARIANTS> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            second: Vec::new(),
            handed_out: Vec::new(),
        }
    }
}

impl<const HALF: usize, const VARIANTS: usize> Assembly<HALF, VARIANTS> {
    /// Keeps `half` if it is new and there is room. False if it is not kept.
    pub(super) fn add(&mut self, part: Part, half: &[u8; HALF]) -> bool {
        if self.holds(part, half) {
            return true;
        }
        let variants = match part {
            Part::First => &mut self.first,
            Part::Second => &mut self.second,
        };
        let has_room = variants.len() < VARIANTS;
        if has_room {
            variants.push(Box::new(*half));
        }
        has_room
    }

    /// Whether `half` is kept already.
    pub(super) fn holds(&self, part: Part, half: &[u8; HALF]) -> bool {
        let variants = match part {
            Part::First => &self.first,
            Part::Second => &self.second,
        };
        variants.iter().any(|known| **known == *half)
    }

    /// Whether there is no room for a first half, or none for a second one.
    pub(super) fn is_full(&self) -> bool {
        [&self.first, &self.second]
            .iter()
            .any(|variants| variants.len() == VARIANTS)
    }

    /// A combination that has not been handed out yet. `WHOLE` is twice `HALF`.
    pub(super) fn take<const WHOLE: usize>(&mut self) -> Option<Whole<WHOLE>> {
        self.take_numbered().map(|(_, _, whole)| whole)
    }

    /// The same, behind the numbers of its first and of its second half: each counted among its kind, in the order
    /// in which they were kept.
    pub(super) fn take_numbered<const WHOLE: usize>(
        &mut self,
    ) -> Option<(usize, usize, Whole<WHOLE>)> {
        const { assert!(WHOLE == 2 * HALF) };
        let all = (0..self.first.len()).flat_map(|a| (0..self.second.len()).map(move |b| (a, b)));
        let pair = all
            .into_iter()
            .find(|pair| !self.handed_out.contains(pair))?;
        self.handed_out.push(pair);
        let (first, second) = (self.first.get(pair.0)?, self.second.get(pair.1)?);
        let mut whole = Box::new([0; WHOLE]);
        let (head, tail) = whole.split_at_mut(HALF);
        head.copy_from_slice(&**first);
        tail.copy_from_slice(&**second);
        Some((pair.0, pair.1, whole))
    }

    /// All combinations that have not been handed out yet.
    pub(super) fn take_all<const WHOLE: usize>(&mut self) -> Vec<Whole<WHOLE>> {
        core::iter::from_fn(|| self.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(assembly: &mut Assembly<2, 2>) -> Vec<[u8; 4]> {
        assembly
            .take_all::<4>()
            .into_iter()
            .map(|whole| *whole)
            .collect()
    }

    #[test]
    fn an_injected_half_cannot_orphan_the_true_one() {
        for poison in [Part::First, Part::Second] {
            let mut assembly = Assembly::<2, 2>::default();
            assembly.add(poison, &[9, 9]);
            assembly.add(Part::First, &[1, 2]);
            assembly.add(Part::Second, &[3, 4]);
            let whole = drain(&mut assembly);
            assert!(whole.contains(&[1, 2, 3, 4]), "{poison:?}: {whole:?}");
            assert_eq!(whole.len(), 2);
        }
    }

    #[test]
    fn each_combination_is_handed_out_once_and_there_are_at_most_four() {
        let mut assembly = Assembly::<2, 2>::default();
        for byte in 0..9 {
            assembly.add(Part::First, &[byte, 0]);
            assembly.add(Part::Second, &[byte, 1]);
            assembly.add(Part::Second, &[byte, 1]);
        }
        assert_eq!(drain(&mut assembly).len(), 4);
        assert_eq!(drain(&mut assembly).len(), 0);
    }
}
