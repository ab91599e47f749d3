//! Moves the local log to Kafka.
