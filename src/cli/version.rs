//! What `--version` prints.

use crate::crypto::PROTOCOL_NAME;
use crate::wire;

/// The commit that this program was built from, where the build says so.
const COMMIT: Option<&str> = option_env!("SECURECHAT_COMMIT");

/// Version, protocol, Noise suite and commit, one a line.
pub(super) fn long() -> String {
    format!(
        "{}\nprotocol  sc1 version {}\nsuite     {PROTOCOL_NAME}\ncommit    {}",
        env!("CARGO_PKG_VERSION"),
        wire::limits::VERSION,
        COMMIT.unwrap_or("unknown"),
    )
}
