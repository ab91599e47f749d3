//! One binary for all of the detector's tests.

mod backtest;
mod blast;
mod config;
mod live;
mod past;
mod simulation;
mod stories;
mod story;
mod webhook;
