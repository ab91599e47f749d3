//! One binary for all of the detector's tests.

mod config;
mod live;
mod simulation;
mod stories;
mod story;
mod webhook;
