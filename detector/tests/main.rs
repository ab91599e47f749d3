//! One binary for all of the detector's tests.

mod added;
mod again;
mod backtest;
mod blast;
mod config;
mod fan_out;
mod forgetting;
mod groups;
mod hostile;
mod identities;
mod learned;
mod live;
mod merge;
mod modes;
mod outbox;
mod past;
mod restart;
mod settings;
mod shared;
mod simulation;
mod snapshot;
mod stories;
mod story;
mod webhook;
mod world;

#[path = "../../bus/tests/contract/broker.rs"]
mod broker;
