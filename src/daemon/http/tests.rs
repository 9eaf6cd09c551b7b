//! What of the server is tried without a process.
