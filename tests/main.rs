//! interdict end to end: the real command between real clients and real servers, one module a capability. A server
//! that is missing fails the test with how to install it; nothing is skipped.

mod bad_input;
mod batch;
mod cases;
mod checks;
mod closed_loop;
mod cluster;
mod demo;
mod deploy;
mod detectors;
mod forensics;
mod harness;
mod import;
mod lake;
mod object_storage;
mod ocsf;
mod outputs;
mod readers;
mod recordings;
mod replays;
mod serve;
mod simulate;
mod survival;
mod tidy;
mod transcripts;
mod verdicts;
