//! Who and what, as Cedar sees them.
