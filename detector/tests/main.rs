//! One binary for all of the detector's tests.

mod added;
mod backtest;
mod blast;
mod config;
mod fan_out;
mod live;
mod merge;
mod modes;
mod outbox;
mod past;
mod shared;
mod simulation;
mod stories;
mod story;
mod webhook;
mod world;

#[path = "../../bus/tests/contract/broker.rs"]
mod broker;
