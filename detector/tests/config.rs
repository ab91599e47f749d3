//! `[detector]`: what is accepted and how what is not is refused.

use interdict_detector::Raw;

fn check(toml: &str, expected: Result<(), &str>) {
    let raw: Result<Raw, _> = toml::from_str(toml);
    let resolved = raw.map_err(|error| error.message().to_owned()).and_then(|raw| {
        let read = |path: &std::path::Path| match path.to_str() {
            Some("good.key") => Ok(b"0123456789abcdef\n".to_vec()),
            Some("short.key") => Ok(b"0123".to_vec()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        raw.resolve("lake", read).map(|_| ()).map_err(|error| error.to_string())
    });
    match (resolved, expected) {
        (Ok(()), Ok(())) => {}
        (Err(said), Err(expected)) => assert!(said.contains(expected), "{toml}\nsaid: {said}"),
        (said, expected) => panic!("{toml}\nsaid: {said:?}, expected: {expected:?}"),
    }
}

#[test]
fn settings_are_checked() {
    check("", Ok(()));
    check("mode = \"shadow\"\nbudget = 5", Ok(()));
    check("mode = \"off\"", Err("unknown variant `off`"));
    check("budgets = 5", Err("unknown field `budgets`"));
    check("learning_days = 61", Err("[detector] learning_days = 61: must be at most horizon_days"));
    check("[detections]\nrare_path = \"block\"", Err("rarity alone stops nobody"));
    check("[detections]\nfan_out = \"block\"", Ok(()));
    check("alert_nats = 9.0\nhold_nats = 3.0", Err("must be numbers above 0, each at least the one before"));
    check("alert_nats = nan", Err("must be numbers above 0"));
    check("[detections]\nrare_path = \"off\"", Ok(()));
    check("[detections]\nrare_pth = \"off\"", Err("rare_pth: there is no such detection; there are rare_path, "));
    check("horizon_days = 64", Err("horizon_days = 64: must be 1 to 63"));
    check("fan_out_accounts = 1", Err("fan_out_accounts = 1: must be 2 to 32"));
    check("fan_out_window_s = 5", Err("fan_out_window_s = 5: must be 60 to 2592000"));
    check("burst_targets = 1", Err("burst_targets = 1: must be 2 to 48"));
}

#[test]
fn a_webhook_needs_a_safe_url_and_a_key() {
    let webhook = |url: &str, key: &str| format!("[webhook]\nurl = \"{url}\"\nsecret_file = \"{key}\"");
    check(&webhook("https://siem.example/in", "good.key"), Ok(()));
    check(&webhook("http://127.0.0.1:8080/in", "good.key"), Ok(()));
    check(&webhook("http://siem.example/in", "good.key"), Err("use https"));
    check(&webhook("ftp://siem.example/in", "good.key"), Err("scheme ftp cannot be posted to"));
    check(&webhook("siem", "good.key"), Err("[detector.webhook] url = \"siem\""));
    check(&webhook("https://siem.example/in", "short.key"), Err("holds 4 bytes"));
    check(&webhook("https://siem.example/in", "no.key"), Err("secret_file no.key"));
}
