//! What several integration tests share.

use std::path::PathBuf;

/// Reads a file of the public vectors below `SECURECHAT_VECTORS`, else below `../shared/vectors`
/// beside the crate; where it is missing, says so and returns nothing.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub(crate) fn public_vectors(file: &str) -> Option<serde_json::Value> {
    let root = std::env::var_os("SECURECHAT_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        PathBuf::from,
    );
    let path = root.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: no public vectors at {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("the file of vectors is JSON"))
}

/// Decodes hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}
