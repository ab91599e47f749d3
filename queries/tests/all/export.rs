//! What is exported reads back.

use crate::fixture::{Lake, MORNING, session, story};
use interdict_queries::export::{self, Layout};
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

/// What HAR 1.2 requires of an entry (its sections "entries" to "timings"), where it is and of which kind.
fn check_entry(entry: &Value) {
    let check = |path: &str, is_so: fn(&Value) -> bool| {
        let found = entry.pointer(path).unwrap_or_else(|| panic!("{path} is missing in {entry}"));
        assert!(is_so(found), "{path} is {found}");
    };
    let is_text = Value::is_string;
    let is_list: fn(&Value) -> bool = Value::is_array;
    for text in ["startedDateTime", "request/method", "request/url", "request/httpVersion", "response/statusText"] {
        check(&format!("/{text}"), is_text);
    }
    for text in ["response/httpVersion", "response/redirectURL", "response/content/mimeType"] {
        check(&format!("/{text}"), is_text);
    }
    for list in ["request/cookies", "request/headers", "request/queryString", "response/cookies", "response/headers"]
    {
        check(&format!("/{list}"), is_list);
    }
    for number in ["request/headersSize", "request/bodySize", "response/headersSize", "response/bodySize"] {
        check(&format!("/{number}"), |value| value.as_i64().is_some_and(|size| size >= -1));
    }
    for number in
        ["time", "response/status", "response/content/size", "timings/send", "timings/wait", "timings/receive"]
    {
        check(&format!("/{number}"), |value| value.as_f64().is_some_and(|number| number >= 0.0));
    }
    check("/cache", Value::is_object);
    let method = entry["request"]["method"].as_str().expect("a text");
    assert!(!method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()), "{method}");
    let text = entry["request"]["url"].as_str().expect("a text");
    let url = url::Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(url.fragment().is_none() && url.host().is_some() && text.is_ascii() && !text.contains(' '), "{text}");
    let began = entry["startedDateTime"].as_str().expect("a text");
    began.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{began}: {error}"));
}

#[tokio::test]
async fn every_address_of_a_har_is_one_and_begins_as_its_targets() {
    let check = async |host: Option<&str>, port: u16, protocol, text: &str, expected: (&str, &str)| {
        let mut lake = Lake::new();
        let one = session("s1", &["user:dana"], "shop", protocol, 0);
        let mut opened = one.opened();
        if let Message::Event(event) = &mut opened {
            (event.target.host, event.target.port) = (host.map(str::to_owned), port);
        }
        lake.write([opened, one.acted("a1", 1, text, None), one.resulted("a1", 2, &[])]).await;
        let snapshot = lake.engine().snapshot().await.expect("reads");
        let mut out = Vec::new();
        assert_eq!(export::har(&snapshot, "s1", &mut out).await.expect("exports"), 1, "{text}");
        let har: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(har["log"]["version"], "1.2");
        assert!(har["log"]["creator"]["name"].is_string() && har["log"]["creator"]["version"].is_string());
        let entry = &har["log"]["entries"][0];
        check_entry(entry);
        let request = &entry["request"];
        assert_eq!((&request["method"], &request["url"]), (&expected.0.into(), &expected.1.into()), "{text}");
        assert_eq!(entry["comment"].is_string(), protocol == Protocol::Kubernetes, "{entry}");
    };
    let http = Protocol::Http;
    check(None, 0, http, "GET /a", ("GET", "https://shop/a")).await;
    check(Some("shop.example"), 443, http, "GET /a", ("GET", "https://shop.example/a")).await;
    check(Some("shop.example"), 8443, http, "GET /a", ("GET", "https://shop.example:8443/a")).await;
    check(Some("shop.example"), 80, http, "GET /a", ("GET", "http://shop.example/a")).await;
    check(Some("127.0.0.1"), 9000, http, "GET /a", ("GET", "http://127.0.0.1:9000/a")).await;
    check(Some("2001:db8::1"), 443, http, "GET /a", ("GET", "https://[2001:db8::1]/a")).await;
    check(Some("h"), 0, http, "GET /a/../b?q=x y#z", ("GET", "https://h/a/../b?q=x%20y%23z")).await;
    check(Some("h"), 0, http, "GET /\u{e9}%2F", ("GET", "https://h/%C3%A9%2F")).await;
    let api = Protocol::Kubernetes;
    check(Some("h"), 0, api, "create pods/exec prod/web-1", ("GET", "https://h/create/pods/exec/prod/web-1")).await;
    check(Some("h"), 0, api, "ec2:RunInstances", ("GET", "https://h/ec2%3ARunInstances")).await;
}

#[tokio::test]
async fn events_go_out_as_security_lake_wants_them() {
    let mut lake = story().await;
    let web = session("s9", &["user:dana"], "shop", Protocol::Http, 5);
    let forward = {
        let mut message =
            session("s8", &["user:dana"], "bastion", Protocol::Ssh, 6).acted("a8", 1, "db.example:5432", None);
        if let Message::Event(Event { kind: Kind::Acted { action, .. }, .. }) = &mut message {
            action.class = interdict_schemas::Class::Forward;
        }
        message
    };
    let file = session("s7", &["user:dana"], "share", Protocol::Smb, 7).acted("a7", 1, "delete \\share\\plan", None);
    lake.write([web.acted("a9", 1, "GET /orders?x=1", None), web.resulted("a9", 2, &[]), forward, file]).await;
    let snapshot = lake.engine().snapshot().await.expect("reads");
    let folder = tempfile::tempdir().expect("folder");
    let layout = Layout {
        folder: folder.path().to_owned(),
        source: "interdict".into(),
        region: "eu-central-1".into(),
        account: "123456789012".into(),
    };
    let (count, files) = export::security_lake(&snapshot, &Part::All, &layout).await.expect("exports");
    let mut out = Vec::new();
    let lines = export::events(&snapshot, &Part::All, &mut out).await.expect("exports");
    assert_eq!(count, lines);
    let found = files_below(folder.path());
    assert_eq!(found.len() as u64, files);
    let day = "ext/interdict-authentication/region=eu-central-1/accountId=123456789012/eventDay=20260302/interdict-";
    assert!(found.iter().any(|name| name.starts_with(day) && name.ends_with(".parquet")), "{found:#?}");
    assert!(found.iter().any(|name| name.contains("interdict-ssh_activity") && name.contains("eventDay=20260304")));
    // What was written, read back as JSON, is what goes out as JSON lines: nothing is lost in the columns.
    let mut expected: Vec<Value> =
        String::from_utf8(out).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut read = Vec::new();
    for name in &found {
        let file = std::fs::File::open(folder.path().join(name)).expect("opens");
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet");
        let compression = builder.metadata().row_group(0).column(0).compression();
        assert!(matches!(compression, parquet::basic::Compression::ZSTD(_)), "{compression}");
        let mut json = arrow::json::LineDelimitedWriter::new(Vec::new());
        for batch in builder.build().expect("reads") {
            json.write(&batch.expect("rows")).expect("writes");
        }
        json.finish().expect("ends");
        let rows: Vec<Value> = String::from_utf8(json.into_inner())
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let times: Vec<_> = rows.iter().map(|row| row["time"].as_i64()).collect();
        assert!(times.is_sorted(), "{name}");
        let class = &rows[0]["class_uid"];
        assert!(rows.iter().all(|row| row["class_uid"] == *class), "{name}");
        read.extend(rows);
    }
    // What is empty is not written where it is nested.
    fn trimmed(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.values_mut().for_each(trimmed);
                map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
            }
            Value::Array(values) => values.iter_mut().for_each(trimmed),
            _ => {}
        }
    }
    let order = |values: &mut Vec<Value>| {
        values.iter_mut().for_each(trimmed);
        values.sort_by_key(|value| value["metadata"]["uid"].to_string());
    };
    order(&mut expected);
    order(&mut read);
    assert_eq!(read, expected);
    // Again: the same names, and no more.
    export::security_lake(&snapshot, &Part::All, &layout).await.expect("exports");
    assert_eq!(files_below(folder.path()), found);
    let wrong = Layout { account: "../x".into(), ..layout };
    assert!(export::security_lake(&snapshot, &Part::All, &wrong).await.is_err());
}

fn files_below(top: &std::path::Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![top.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(top).expect("below").to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}
