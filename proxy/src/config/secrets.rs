//! Files that hold secrets.
