//! One binary for all of the detector's tests.

mod config;
mod live;
mod merge;
mod outbox;
mod stories;
mod story;
mod webhook;
