//! What librdkafka says, in our log and in our words.

use crate::Error;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

/// Receives librdkafka's own log. It repeats itself with every attempt, so it goes out at debug level; whoever owns
/// the connection says once that its state has changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "interdict_bus::kafka", facility, message);
            }
            _ => tracing::debug!(target: "interdict_bus::kafka", ?level, facility, message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "interdict_bus::kafka", %error, reason);
    }
}

impl ConsumerContext for Context {}

/// The client's error in our words: the broker is away, or it refuses.
pub(super) fn fault(brokers: &str, what: &str, error: &KafkaError) -> Error {
    let refused = |detail: String| Error::Refused { what: what.to_owned(), detail };
    match error {
        KafkaError::ClientConfig(_, description, key, _) => {
            Error::Setting { key: format!("bus.kafka.properties.{key}"), detail: description.clone() }
        }
        KafkaError::ClientCreation(description) => {
            Error::Setting { key: "bus.kafka.properties".to_owned(), detail: description.clone() }
        }
        other => match other.rdkafka_error_code() {
            Some(code) if is_away(code) => {
                Error::Unreachable { brokers: brokers.to_owned(), detail: format!("{what}: {code}") }
            }
            Some(code @ (RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::Authentication)) => {
                refused(format!("{code}; check sasl.* in [bus.kafka.properties]"))
            }
            Some(
                code @ (RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed),
            ) => refused(format!("{code}; grant this user the right")),
            Some(code) => refused(code.to_string()),
            None => refused(other.to_string()),
        },
    }
}

/// Whether the error says that no broker answers for now, so that waiting helps.
pub(super) const fn is_away(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::BrokerNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::LeaderNotAvailable
            | Code::MessageTimedOut
            | Code::NetworkException
            | Code::NotController
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::OperationTimedOut
            | Code::ReplicaNotAvailable
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
    )
}
