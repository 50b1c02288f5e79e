//! How large a page may say that another one is. The database makes room for a page before it reads it, up to 4 GiB,
//! even if its number comes from a damaged page. Source: redb's `docs/design.md` of format 3, "B-tree pages".

/// The smallest page. One of order `n` has `2^n` of them.
const PAGE_LEN: u64 = 4_096;
const NUMBER_LEN: usize = 8;
/// Where the order is in a number, little endian: below it 20 bits each of index and region, and 19 that nobody reads.
const ORDER_SHIFT: u32 = 59;
/// One that nobody reads and no page that was written has set.
const BOUNDED: u64 = 1 << 40;
const CHECKSUM_LEN: usize = 16;

/// The first bytes of pages, and of the two kinds of tables.
const LEAF: u8 = 1;
const BRANCH: u8 = 2;
const TABLES: [u8; 2] = [3, 4];

/// What stands before the entries of a leaf, and before the checksums of a branch.
const LEAF_HEAD: usize = 4;
const BRANCH_HEAD: usize = 8;

/// Where a table's description has its root, behind a flag, and how long the first of its two type names is, which
/// are the rest.
const ROOT: usize = 10;
const KEY_TYPE_LEN: usize = 60;
const KEY_TYPE: usize = 64;

/// Makes every number in `page` of a page that has no room in a file of `file_len` bytes that of a smallest page. What
/// was written there may be found by it again, but `page` never gets the checksum back that a sound one has.
pub(super) fn bound(page: &mut [u8], file_len: u64) {
    let _ = match page.first() {
        Some(&BRANCH) => bound_children(page, file_len),
        Some(&LEAF) => bound_tables(page, file_len),
        _ => None,
    };
}

/// `None` where the page is shorter than it says.
fn bound_children(page: &mut [u8], file_len: u64) -> Option<()> {
    let children = count(page)? + 1;
    let numbers = page.get_mut(BRANCH_HEAD + children * CHECKSUM_LEN..)?;
    for number in numbers.as_chunks_mut().0.iter_mut().take(children) {
        bound_number(number, file_len);
    }
    Some(())
}

/// Bounds the roots, if the leaf lists tables. Where keys or values have one width and no ends, as in tables of the
/// database's own, what is looked at begins among the keys or behind the last value, and is no description.
fn bound_tables(page: &mut [u8], file_len: u64) -> Option<()> {
    let entries = count(page)?;
    let end = |page: &[u8], at| usize::try_from(u32_at(page, LEAF_HEAD + 4 * at)?).ok();
    let mut start = end(page, entries.checked_sub(1)?)?;
    for entry in 0..entries {
        let value_end = end(page, entries + entry)?;
        let value = page
            .get_mut(start..value_end)
            .filter(|it| describes_table(it));
        if let Some(root) = value.and_then(|it| it.get_mut(ROOT..)?.first_chunk_mut()) {
            bound_number(root, file_len);
        }
        start = value_end;
    }
    Some(())
}

/// Whether the database could read this as a table's description: it has a kind, and two names in UTF-8. It panics at
/// others before it reads their page. A sealed value has 72 bytes or more, and passes for one at most once in 2^40 times.
fn describes_table(value: &[u8]) -> bool {
    let names = value.get(KEY_TYPE..).unwrap_or_default();
    let first = u32_at(value, KEY_TYPE_LEN).and_then(|len| usize::try_from(len).ok());
    value.first().is_some_and(|kind| TABLES.contains(kind))
        && first.is_some_and(|first| first < names.len())
        && core::str::from_utf8(names).is_ok()
}

fn bound_number(place: &mut [u8; NUMBER_LEN], file_len: u64) {
    let number = u64::from_le_bytes(*place);
    if PAGE_LEN << (number >> ORDER_SHIFT) > file_len {
        let smallest = number & ((1 << ORDER_SHIFT) - 1);
        *place = (smallest | BOUNDED).to_le_bytes();
    }
}

/// How many keys a branch has, or entries a leaf.
fn count(page: &[u8]) -> Option<usize> {
    let count = page.get(2..4)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(count)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_LEN: u64 = 1 << 20;

    const LARGEST: u64 = 8;
    const INDEX_AND_REGION: u64 = 0xf0_1234_5678;

    fn of_order(order: u64) -> u64 {
        order << ORDER_SHIFT | INDEX_AND_REGION
    }

    fn bounded_number() -> u64 {
        INDEX_AND_REGION | BOUNDED
    }

    fn branch(numbers: &[u64]) -> Vec<u8> {
        let keys = u16::try_from(numbers.len() - 1).unwrap();
        let mut page = vec![BRANCH, 0];
        page.extend(keys.to_le_bytes());
        page.resize(BRANCH_HEAD + numbers.len() * CHECKSUM_LEN, 0xff);
        page.extend(numbers.iter().flat_map(|it| it.to_le_bytes()));
        page.resize(4_096, 0xff);
        page
    }

    /// What stands in the list of tables, and between keys.
    fn leaf(values: &[Vec<u8>]) -> Vec<u8> {
        let mut page = vec![LEAF, 0];
        page.extend(u16::try_from(values.len()).unwrap().to_le_bytes());
        let mut end = LEAF_HEAD + 8 * values.len();
        let mut ends = |len: usize| {
            end += len;
            u32::try_from(end).unwrap().to_le_bytes()
        };
        let keys: Vec<u8> = values.iter().flat_map(|_| ends(3)).collect();
        let lens = values.iter().flat_map(|it| ends(it.len()));
        page.extend(keys.iter().copied().chain(lens));
        page.resize(page.len() + 3 * values.len(), b'k');
        page.extend(values.concat());
        page.resize(4_096, 0xff);
        page
    }

    fn description(root: u64) -> Vec<u8> {
        let mut value = vec![0; KEY_TYPE];
        value[0] = TABLES[0];
        value[ROOT - 1] = 1;
        value[ROOT..ROOT + NUMBER_LEN].copy_from_slice(&root.to_le_bytes());
        value[KEY_TYPE_LEN] = 5;
        value.extend(b"\x01&str\x01&[u8]");
        value
    }

    fn bounded(mut page: Vec<u8>) -> Vec<u8> {
        bound(&mut page, FILE_LEN);
        page
    }

    #[test]
    fn a_page_that_the_file_has_room_for_keeps_its_order_and_a_larger_one_does_not() {
        let numbers = [0, LARGEST, LARGEST + 1, 31].map(of_order);
        let expected = [numbers[0], numbers[1], bounded_number(), bounded_number()];
        assert_eq!(bounded(branch(&numbers)), branch(&expected));
        let values = numbers.map(description);
        assert_eq!(bounded(leaf(&values)), leaf(&expected.map(description)));
    }

    #[test]
    fn what_is_no_page_number_stays_as_it_is() {
        let mut message = description(u64::MAX);
        message[0] = 9;
        let mut no_names = description(u64::MAX);
        no_names[KEY_TYPE_LEN + 3] = 1;
        let mut no_text = description(u64::MAX);
        no_text[KEY_TYPE + 8] = 0xff;
        let page = leaf(&[message, no_names, no_text, vec![0xff; 20]]);
        assert_eq!(bounded(page.clone()), page);
        let mut other = branch(&[u64::MAX]);
        other[0] = 7;
        assert_eq!(bounded(other.clone()), other);
    }

    #[test]
    fn a_page_that_is_shorter_than_it_says_is_no_panic() {
        let pages = [
            branch(&[u64::MAX; 9]),
            leaf(&[u64::MAX; 9].map(description)),
        ];
        for page in pages {
            for len in 0..page.len() {
                let _ = bounded(page[..len].to_vec());
            }
        }
        for kind in [LEAF, BRANCH] {
            let _ = bounded([&[kind][..], &[0xff; 4_095]].concat());
        }
    }

    #[test]
    fn an_entry_that_ends_before_it_begins_hides_none_after_it() {
        let values = [of_order(20), of_order(20), of_order(20)].map(description);
        let mut page = leaf(&values);
        let first_value_end = LEAF_HEAD + 4 * values.len();
        page[first_value_end..first_value_end + 4].fill(0);
        let last = page
            .windows(NUMBER_LEN)
            .rposition(|it| it == of_order(20).to_le_bytes());
        let bounded = bounded(page);
        let root = &bounded[last.unwrap()..][..NUMBER_LEN];
        assert_eq!(root, bounded_number().to_le_bytes());
    }
}
