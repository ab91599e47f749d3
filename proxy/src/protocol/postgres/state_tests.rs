//! Scripts: `>` is what the client sends, `<` what the target answers, `=` what is expected of the line before.

use super::super::message::Named;
use super::*;

type Machine = State<String, String, String>;

fn kind(word: &str) -> Option<Backend> {
    Some(match word {
        "parsed" => Backend::ParseComplete,
        "bound" => Backend::BindComplete,
        "closed" => Backend::CloseComplete,
        "complete" => Backend::CommandComplete,
        "empty" => Backend::EmptyQuery,
        "suspended" => Backend::PortalSuspended,
        "columns" => Backend::RowDescription,
        "nodata" => Backend::NoData,
        "parameters" => Backend::ParameterDescription,
        "copyin" => Backend::CopyIn,
        "copyout" => Backend::CopyOut,
        "copyboth" => Backend::CopyBoth,
        "copydone" => Backend::CopyDone,
        "result" => Backend::FunctionResult,
        _ => return None,
    })
}

fn told(answer: Result<Answer<String>, Error>) -> String {
    match answer {
        Err(error) => format!("error: {error}"),
        Ok(Answer { ended, skipped, refusal }) => {
            let ended = ended.map(|action| format!("ended {action}"));
            let skipped = (!skipped.is_empty()).then(|| format!("skipped {}", skipped.join(",")));
            let refusal = refusal.map(|refusal| format!("refusal {}", refusal.message));
            [ended, skipped, refusal].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

fn send(state: &mut Machine, words: &[&str]) -> String {
    let refusal = |words: &[&str]| Refusal::new("42501", words.join(" "));
    match words {
        ["query", actions @ ..] => state.queried(actions.iter().map(|action| (*action).to_owned()).collect()),
        ["denied-query", why @ ..] => state.refused_query(refusal(why)),
        ["parse", name, text] => state.parsed(name.as_bytes(), (*text).to_owned()),
        ["denied", why @ ..] => state.refused(refusal(why)),
        ["bind", name, portal] => state.bound(name.as_bytes(), (*portal).to_owned()),
        ["describe"] => state.described(),
        ["execute"] => state.executed(None),
        ["execute", action] => state.executed(Some((*action).to_owned())),
        ["close", name] => state.closed(Named::Statement(name.as_bytes())),
        ["sync"] => state.synced(),
        ["copyend"] => state.copy_ended(),
        ["statement", name] => return format!("{:?}", state.statement(name.as_bytes())),
        ["portal", name] => return format!("{:?}", state.portal(name.as_bytes())),
        words => panic!("no such request: {words:?}"),
    }
    String::new()
}

fn run(script: &str) {
    let mut state = Machine::new();
    let mut last = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["=", ..] => assert_eq!(std::mem::take(&mut last), line[1..].trim(), "in {script}"),
            _ if !last.is_empty() => panic!("unexpected {last:?} before {line:?} in {script}"),
            [">", words @ ..] => last = send(&mut state, words),
            ["<", "row"] => assert!(state.takes_row(), "{line} in {script}"),
            ["<", "data"] => assert!(state.takes_copy(), "{line} in {script}"),
            ["<", "error"] => last = told(Ok(state.failed())),
            ["<", "ready", status] => {
                let status = match *status {
                    "I" => Transaction::Idle,
                    "T" => Transaction::Open,
                    _ => Transaction::Failed,
                };
                last = told(state.ready(status));
                assert_eq!(state.transaction(), status);
            }
            ["<", word] => last = told(state.answer(kind(word).unwrap_or_else(|| panic!("{word}")))),
            ["skipping"] => assert!(state.is_skipping(), "in {script}"),
            ["settled"] => assert!(state.is_settled(), "in {script}"),
            ["copying"] => assert!(state.is_copying_in(), "in {script}"),
            words => panic!("no such line: {words:?}"),
        }
    }
    assert_eq!(last, "", "at the end of {script}");
}

#[test]
fn simple_queries_are_told_apart() {
    run("> query a
         > query b c
         < columns
         < row
         < complete
         = ended a
         < ready I
         < complete
         = ended b
         < columns
         < error
         = ended c
         < ready I
         settled");
    run("> query a b c
         < error
         = ended a skipped b,c
         < ready I");
    run("> query
         < empty
         < ready I
         settled");
}

#[test]
fn a_refusal_stands_in_its_place() {
    run("> query a
         > denied-query no
         > query b
         < complete
         = ended a
         < ready T
         < error
         = refusal no
         < ready E
         < error
         = ended b
         < ready E
         settled");
    run("> parse s text
         > bind p x
         > execute a
         > denied no
         > execute c
         > sync
         > query d
         < parsed
         < bound
         < complete
         = ended a
         < error
         = skipped c refusal no
         < ready I
         < complete
         = ended d
         < ready I
         settled");
}

#[test]
fn a_refusal_behind_an_error_is_skipped() {
    run("> execute a
         > denied no
         > denied-query never
         > sync
         < error
         = ended a
         < ready I
         settled");
}

#[test]
fn a_failed_batch_is_skipped_up_to_sync() {
    run("> parse s text
         > bind p x
         < error
         skipping
         > sync
         < ready I
         > statement s
         = Unknown
         > portal p
         = Unknown");
    run("> execute a
         > query b
         > sync
         < error
         = ended a skipped b
         < ready I
         settled");
}

#[test]
fn a_failing_commit_belongs_to_sync() {
    run("> execute a
         > sync
         < complete
         = ended a
         < error
         < ready I
         settled");
}

#[test]
fn a_redefined_statement_keeps_its_meaning() {
    run("> parse s one
         > sync
         < parsed
         < ready I
         > parse s two
         > sync
         > statement s
         = Unsettled
         < error
         < ready I
         > statement s
         = Known(\"one\")
         > close s
         > statement s
         = Unknown
         > sync
         < closed
         < ready I
         > statement s
         = Unknown");
}

#[test]
fn portals_end_with_their_transaction() {
    run("> bind p x
         > portal p
         = Known(\"x\")
         > sync
         < bound
         < ready T
         > portal p
         = Known(\"x\")
         > query c
         < complete
         = ended c
         < ready I
         > portal p
         = Unknown");
}

#[test]
fn describes_and_partial_results() {
    run("> describe
         > describe
         > execute a
         > execute b
         > execute
         > sync
         < parameters
         < columns
         < nodata
         < row
         < suspended
         = ended a
         < row
         < complete
         = ended b
         < empty
         < ready I
         settled");
}

#[test]
fn copy_swallows_syncs() {
    run("> query a
         < copyin
         copying
         > sync
         > copyend
         < complete
         = ended a
         < ready I
         settled");
    run("> execute a
         > sync
         < copyin
         copying
         > copyend
         > sync
         < complete
         = ended a
         < ready I
         settled");
    run("> execute a
         > copyend
         > sync
         < copyin
         < complete
         = ended a
         < ready I
         settled");
    run("> query a
         > copyend
         > query b
         < error
         = ended a
         < ready I
         < complete
         = ended b
         < ready I
         settled");
}

#[test]
fn a_sync_that_copy_did_not_swallow_is_borne() {
    run("> execute a
         > sync
         < copyin
         < error
         = ended a
         skipping
         < ready I
         > sync
         < ready I
         settled");
}

#[test]
fn copy_to_the_client_ends() {
    run("> query a
         < copyout
         < data
         < copydone
         < complete
         = ended a
         < ready I
         settled");
}

#[test]
fn answers_nobody_asked_for_are_refused() {
    for (request, answer) in [
        ("", "complete"),
        ("", "ready I"),
        ("> denied-query no", "complete"),
        ("> denied-query no", "columns"),
        ("> parse s t", "bound"),
        ("> sync", "complete"),
        ("> query a", "copyboth"),
        ("> query a", "result"),
    ] {
        let mut state = Machine::new();
        if let Some(request) = request.strip_prefix("> ") {
            send(&mut state, &request.split_whitespace().collect::<Vec<_>>());
        }
        let told = match answer {
            "ready I" => state.ready(Transaction::Idle),
            word => state.answer(kind(word).unwrap()),
        };
        assert!(matches!(told, Err(Error::Answer(_))), "{request} / {answer}");
    }
    let mut state = Machine::new();
    state.queried(["a".to_owned()].into());
    state.queried(["b".to_owned()].into());
    assert_eq!(state.answer(Backend::CopyIn), Err(Error::DuringCopy));
}

#[test]
fn what_is_open_at_the_end_is_told() {
    let mut state = Machine::new();
    state.queried(["a".to_owned(), "b".to_owned()].into());
    state.synced();
    state.executed(Some("c".to_owned()));
    assert_eq!(state.outstanding().collect::<Vec<_>>(), ["a", "b", "c"]);
}
