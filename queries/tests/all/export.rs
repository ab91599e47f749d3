//! What is exported reads back.

use crate::fixture::{Lake, MORNING, session, story};
use interdict_queries::export;
use interdict_queries::verify::Part;
use interdict_schemas::{Event, Kind, Message, Protocol, ocsf};
use serde_json::Value;

#[tokio::test]
async fn events_go_out_as_ocsf_and_come_back() {
    let lake = story().await;
    let snapshot = lake.engine().snapshot().await.expect("reads");
    let export = async |part: Part| {
        let mut out = Vec::new();
        let count = export::events(&snapshot, &part, &mut out).await.expect("exports");
        let events: Vec<Event> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| ocsf::read_event(line).expect("reads back"))
            .collect();
        assert_eq!(count, events.len() as u64);
        events
    };
    let all = export(Part::All).await;
    assert_eq!(all.len(), 14);
    assert!(all.is_sorted_by_key(|event| event.time));
    assert_eq!(export(Part::Session("s2".into())).await.len(), 5);
    assert_eq!(export(Part::Between(MORNING, MORNING.plus_seconds(100))).await.len(), 6);
}

#[tokio::test]
async fn http_session_is_a_har() {
    let mut lake = Lake::new();
    let one = session("s1", &["user:dana"], "shop", Protocol::Http, 0);
    let mut answered = one.resulted("a1", 2, &[]);
    if let Message::Event(Event { kind: Kind::Resulted { outcome, .. }, .. }) = &mut answered {
        outcome.code = "201".into();
    }
    let denied = one.acted("a2", 3, "DELETE /orders/7", Some("not yours"));
    lake.write([one.opened(), one.acted("a1", 1, "POST /orders?dry=1&x", None), answered, denied, one.closed(4)])
        .await;
    let snapshot = lake.engine().snapshot().await.expect("reads");
    let mut out = Vec::new();
    assert_eq!(export::har(&snapshot, "s1", &mut out).await.expect("exports"), 2);
    let har: Value = serde_json::from_slice(&out).expect("JSON");
    let [first, second] = har["log"]["entries"].as_array().expect("entries").as_slice() else { panic!("{har}") };
    assert_eq!(first["request"]["method"], "POST");
    assert_eq!(first["request"]["url"], "https://shop/orders?dry=1&x");
    assert_eq!(first["request"]["queryString"].as_array().map(Vec::len), Some(2));
    assert_eq!((&first["response"]["status"], &first["time"]), (&201.into(), &1.5.into()));
    assert_eq!((&second["response"]["status"], &second["response"]["statusText"]), (&0.into(), &"not yours".into()));
    let mut lines = Vec::new();
    assert_eq!(export::transcript(&snapshot, "s1", &mut lines).await.expect("exports"), 4);
    assert!(export::har(&snapshot, "none", &mut Vec::new()).await.is_err());
}
