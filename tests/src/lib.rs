//! The stories across roles; see `tests/README.md`.
