//! The reading side against small real lakes.

mod archives;
mod case;
mod engine;
mod export;
mod fixture;
mod forensics;
mod hunted;
mod hunts;
mod import;
mod output;
mod replay;
mod serve;
mod tamper;
mod verify;
mod views;
