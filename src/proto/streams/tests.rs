//! The rules of streams, each shown on whole connections.
