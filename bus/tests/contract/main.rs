//! The contract that both logs keep.
