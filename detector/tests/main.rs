//! One binary for all of the detector's tests.

mod config;
mod live;
mod merge;
mod modes;
mod outbox;
mod shared;
mod stories;
mod story;
mod webhook;
mod world;

#[path = "../../bus/tests/contract/broker.rs"]
mod broker;
