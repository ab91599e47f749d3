//! The reading side against small real lakes.

mod engine;
mod fixture;
mod forensics;
mod hunts;
mod import;
mod output;
mod replay;
mod serve;
mod verify;
