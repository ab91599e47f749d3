//! The reading side against small real lakes.

mod archives;
mod broken;
mod case;
mod engine;
mod export;
mod fixture;
mod follow;
mod forensics;
mod functions;
mod hidden;
mod hunted;
mod hunts;
mod import;
mod output;
mod parts;
mod replay;
mod retired;
mod serve;
mod tamper;
mod verify;
mod views;
