//! What only Kafka promises: clear words about brokers that are away and topics that are wrong.

use crate::bed::{connect, opened, settings, shared_broker, small, unique};
use interdict_bus::{Durability, Error, From, Log, Writer, embedded::Embedded, kafka::Kafka};
use interdict_schemas::Topic;
use rdkafka::{ClientConfig, Message as _, consumer::Consumer, consumer::StreamConsumer, message::Headers};
use std::time::Duration;

#[tokio::test]
async fn broker_that_is_not_there_is_named() {
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        socket.local_addr().expect("address").port()
    };
    let mut settings = settings(format!("127.0.0.1:{port}"));
    settings.timeout = Duration::from_millis(500);
    let Err(error @ Error::Unreachable { .. }) = Kafka::connect(settings).await else { panic!("there is no broker") };
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn topic_with_other_partitions_is_named() {
    let bootstrap = shared_broker().await.bootstrap();
    connect(bootstrap.clone()).await;
    let mut settings = settings(bootstrap);
    settings.partitions += 1;
    let Err(error @ Error::Topic { .. }) = Kafka::connect(settings).await else { panic!("the topic has fewer") };
    assert!(error.to_string().contains("set bus.kafka.partitions = 4"), "{error}");
}

#[tokio::test]
async fn unknown_property_is_named() {
    let mut settings = settings("127.0.0.1:1".into());
    settings.properties.insert("sasl.pasword".into(), "x".into());
    let Err(error @ Error::Setting { .. }) = Kafka::connect(settings).await else { panic!("a typing mistake") };
    assert!(error.to_string().contains("sasl.pasword"), "{error}");
}

#[tokio::test]
async fn reader_beyond_the_end_is_told() {
    let bus = connect(shared_broker().await.bootstrap()).await;
    let reader = bus.reader(Topic::Recordings, From::from([(0, 1 << 40)])).await;
    assert!(matches!(reader.err(), Some(Error::Topic { topic: Topic::Recordings, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shipped_records_carry_cloudevents_headers_and_leave_the_spool() {
    let bootstrap = shared_broker().await.bootstrap();
    let bus = connect(bootstrap.clone()).await;
    let folder = tempfile::tempdir().expect("folder");
    let spool = Embedded::open(folder.path(), small()).expect("open");
    let proxy = unique("gw-headers");
    let writer = Writer::spooled(spool, bus, &proxy, Durability::Disk).expect("writer");
    writer.append(&opened("dana", &proxy)).expect("append");
    writer.flushed().await.expect("flushed");

    // A client of someone else's, that knows nothing of interdict.
    let client: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", &proxy)
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("client");
    client.subscribe(&[Topic::Events.name()]).expect("subscribe");
    loop {
        let message =
            tokio::time::timeout(crate::bed::PATIENCE, client.recv()).await.expect("in time").expect("read");
        let header = |name: &str| {
            let headers = message.headers()?;
            let found = headers.iter().find(|header| header.key == name)?;
            String::from_utf8(found.value?.to_vec()).ok()
        };
        if header("ce_id").as_deref() == Some(&proxy) {
            assert_eq!(header("ce_type").as_deref(), Some("interdict.event.opened"));
            assert_eq!(header("ce_source"), Some(format!("interdict/{proxy}")));
            assert_eq!(header("content-type").as_deref(), Some("application/protobuf"));
            return;
        }
    }
}
