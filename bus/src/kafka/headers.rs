//! CloudEvents attributes as Kafka headers (CloudEvents 1.0, Kafka protocol binding 3.2, binary content mode), so that
//! other systems can route records without decoding them. Pure.

use interdict_schemas::{Message, Stamp, Time};
use rdkafka::message::{Header, OwnedHeaders};

/// The headers of one record.
pub(super) fn headers(message: &Message, stamp: Option<&Stamp>) -> OwnedHeaders {
    let Attributes { id, kind, time } = attributes(message);
    let source = stamp.map_or_else(|| "interdict".to_owned(), |stamp| format!("interdict/{}", stamp.proxy));
    let time = time.to_string();
    let pairs = [
        ("content-type", "application/protobuf"),
        ("ce_specversion", "1.0"),
        ("ce_id", id.as_str()),
        ("ce_source", source.as_str()),
        ("ce_type", kind.as_str()),
        ("ce_time", time.as_str()),
    ];
    let empty = OwnedHeaders::new_with_capacity(pairs.len());
    pairs.into_iter().fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

struct Attributes {
    /// Unique per source.
    id: String,
    kind: String,
    time: Time,
}

fn attributes(message: &Message) -> Attributes {
    match message {
        Message::Event(event) => Attributes {
            id: event.id.clone(),
            kind: format!("interdict.event.{}", event.kind.name()),
            time: event.time,
        },
        Message::Chunk(chunk) => Attributes {
            id: format!("{}/{}", chunk.session, chunk.index),
            kind: "interdict.recording".to_owned(),
            time: chunk.time,
        },
        Message::Alert(alert) => Attributes {
            id: format!("{}/{}", alert.id, alert.revision),
            kind: "interdict.alert".to_owned(),
            time: alert.time,
        },
        Message::Verdict(verdict) => {
            Attributes { id: verdict.id.clone(), kind: "interdict.verdict".to_owned(), time: verdict.time }
        }
        Message::Resolution(resolution) => Attributes {
            id: format!("{}/{}", resolution.alert, resolution.time.0),
            kind: "interdict.resolution".to_owned(),
            time: resolution.time,
        },
        Message::Checkpoint(checkpoint) => Attributes {
            id: format!("{}/{}/{}", checkpoint.spool, checkpoint.chain, checkpoint.sequence),
            kind: "interdict.checkpoint".to_owned(),
            time: checkpoint.time,
        },
        Message::Judged(judged) => Attributes {
            id: format!("judged/{}/{}", judged.partition, judged.offset),
            kind: "interdict.judged".to_owned(),
            time: judged.time,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::Judged;
    use rdkafka::message::Headers;

    #[test]
    fn record_carries_the_cloudevents_attributes() {
        let judged = Message::Judged(Judged { partition: 3, offset: 9, time: Time(1_000_000) });
        let stamp = Stamp { proxy: "gw-1".into(), spool: "s".into(), sequence: 1, previous: None };
        let headers = headers(&judged, Some(&stamp));
        let found: Vec<(&str, &str)> = headers
            .iter()
            .map(|header| (header.key, std::str::from_utf8(header.value.unwrap_or_default()).expect("text")))
            .collect();
        let expected = [
            ("content-type", "application/protobuf"),
            ("ce_specversion", "1.0"),
            ("ce_id", "judged/3/9"),
            ("ce_source", "interdict/gw-1"),
            ("ce_type", "interdict.judged"),
            ("ce_time", "1970-01-01T00:00:01.000Z"),
        ];
        assert_eq!(found, expected);
    }
}
