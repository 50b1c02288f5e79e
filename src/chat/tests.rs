//! What must hold between two clients over a connection that fails.
