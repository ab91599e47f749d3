//! The README's first command keeps its promises, twice in a row.

use crate::harness::gateway::interdict;
use crate::harness::run;

#[test]
fn the_demo_holds_twice_in_a_row() {
    let folder = tempfile::tempdir().expect("folder");
    for round in 0..2 {
        let report = folder.path().join(format!("report-{round}.json"));
        let mut command = interdict();
        command.arg("demo").arg("--report").arg(&report);
        let answer = run(command);
        assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(report).expect("report")).expect("JSON");
        assert_eq!(report["false_alerts"], 0, "{report}");
        assert_eq!(report["verified"], true, "{report}");
        assert_eq!(report["events_recorded"], report["events_in_lake"], "{report}");
        assert_eq!(report["blocked_before_hop"], 2, "{report}");
        assert!(report["alerts"].as_u64().is_some_and(|alerts| alerts >= 1), "{report}");
        assert!(report["detect_to_block_ms"].as_f64().is_some_and(|took| took >= 0.0), "{report}");
    }
}
