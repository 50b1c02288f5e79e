//! securechat's core as it is built without `ring`: its own source files, compiled a second time. Cargo takes one
//! package with one set of features, so that the two could not stand beside each other otherwise.

#![allow(
    dead_code,
    unused_imports,
    reason = "what the modules that are left out use"
)]

#[path = "../../../../src/crypto/mod.rs"]
pub mod crypto;
#[path = "../../../../src/id.rs"]
pub mod id;
#[path = "../../../../src/proto/mod.rs"]
pub mod proto;
#[path = "../../../../src/sync.rs"]
mod sync;
#[path = "../../../../src/time.rs"]
pub mod time;
#[path = "../../../../src/wire/mod.rs"]
pub mod wire;
