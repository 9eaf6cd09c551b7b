//! Builds of Go: with a `go` that only says what a real one would.

use super::*;
