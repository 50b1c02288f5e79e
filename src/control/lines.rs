//! The lines that a client writes.

use std::io::{BufRead, Read};

use crate::json::LINE_MAX_LEN;

/// The next line, the last one also without its break; none at the end, and none if it cannot be read.
pub(super) fn next_line(input: &mut impl BufRead) -> Option<Result<Vec<u8>, usize>> {
    let mut line = Vec::new();
    let most = u64::try_from(LINE_MAX_LEN)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    input
        .by_ref()
        .take(most)
        .read_until(b'\n', &mut line)
        .ok()?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        return Some(Ok(line));
    }
    if line.len() <= LINE_MAX_LEN {
        return (!line.is_empty()).then_some(Ok(line));
    }
    let rest = skip_line(input)?;
    Some(Err(line.len() + rest))
}

/// Throws the rest of a line away; none if it cannot be read to its end.
fn skip_line(input: &mut impl BufRead) -> Option<usize> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf().ok()?;
        if buffer.is_empty() {
            return Some(skipped);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let len = end.map_or(buffer.len(), |end| end + 1);
        input.consume(len);
        if end.is_some() {
            return Some(skipped + len - 1);
        }
        skipped += len;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_counted_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; LINE_MAX_LEN + 5];
        text.extend_from_slice(b"\nnext\n");
        let mut input = BufReader::new(Cursor::new(text));
        assert_eq!(next_line(&mut input), Some(Err(LINE_MAX_LEN + 5)));
        assert_eq!(next_line(&mut input), Some(Ok(b"next".to_vec())));
        assert_eq!(next_line(&mut input), None);
    }

    #[test]
    fn the_end_of_the_input_is_the_end_of_its_last_line() {
        for (text, last) in [
            (b"next".to_vec(), Ok(b"next".to_vec())),
            (vec![b'x'; LINE_MAX_LEN], Ok(vec![b'x'; LINE_MAX_LEN])),
            (vec![b'x'; LINE_MAX_LEN + 5], Err(LINE_MAX_LEN + 5)),
        ] {
            let mut input = BufReader::new(Cursor::new(text));
            assert_eq!(next_line(&mut input), Some(last));
            assert_eq!(next_line(&mut input), None);
        }
    }

    #[test]
    fn the_longest_line_is_kept() {
        let mut text = vec![b'x'; LINE_MAX_LEN];
        text.push(b'\n');
        let mut input = BufReader::new(Cursor::new(text));
        let line = next_line(&mut input).and_then(Result::ok);
        assert_eq!(line.map(|line| line.len()), Some(LINE_MAX_LEN));
    }
}
