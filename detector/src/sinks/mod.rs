//! Where alerts go besides the bus.

pub mod webhook;
