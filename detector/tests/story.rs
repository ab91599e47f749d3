//! A small language in which a test is a story: who did what where, and what the detector must say of it.
//!
//! ```text
//! target bastion host=bastion.internal address=10.0.0.7
//! d1..3 09:00 dana>planner@client  config-db/postgres  open          on each of days 1 to 3
//! 09:00 dana>planner@client  config-db/postgres  open                on day 10; `svc:` begins a service's name
//! 09:01 dana>planner@client  config-db/postgres  reads hosts host_name=bastion.internal [is bastion]
//! 09:02 dana>planner@client  bastion/ssh         open [alias=jump] [account=ops] [credential=c-1]
//! again                                                              the last event once more
//! => stop dana/planner                                               what was said since the last `=>`, in order
//! => disclosure_used r1 critical: config-db taught -> bastion disclosed
//! => silent
//! ```
//!
//! Further verbs: `runs TEXT`, `refused REASON`, `denied KIND=VALUE` (an action that policy stopped), `slow SECONDS
//! KIND=VALUE` (a response that took so long), `decoy SESSION FIELD TARGET` (somebody presented one), `close`. A session is one actor's way from one source to one target,
//! from `open` to `close`. Lines with the same day range that follow each other are one block, played day by day.

use interdict_detector::{Detector, Output, Settings};
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, DecoyPlace, DecoyUse, Disclosure, DisclosureKind, Effect, Event,
    Identity, Kind, Outcome, Principal, PrincipalKind, Protocol, Refused, Source, Status, Target, Time, Verb,
};
use std::collections::HashMap;

/// What a story comes to.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Event(Box<Event>),
    Expect(String),
}

#[derive(Default)]
struct Teller {
    steps: Vec<Step>,
    targets: HashMap<String, HashMap<String, String>>,
    sessions: HashMap<String, (String, Time, Account, Option<String>)>,
    count: usize,
}

/// The events and expectations of a story.
pub(crate) fn parse(story: &str) -> Vec<Step> {
    let mut teller = Teller::default();
    let lines: Vec<&str> =
        story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut at = 0;
    while at < lines.len() {
        let range = days(lines[at]);
        let end = at + lines[at..].iter().take_while(|line| days(line) == range).count();
        for day in range.0..=range.1 {
            lines[at..end].iter().for_each(|line| teller.tell(line, day));
        }
        at = end;
    }
    teller.steps
}

fn days(line: &str) -> (i64, i64) {
    let Some(range) = line.strip_prefix('d').and_then(|rest| rest.split_whitespace().next()) else { return (10, 10) };
    match range.split_once("..") {
        Some((from, to)) => (from.parse().expect("day"), to.parse().expect("day")),
        None => range.parse().map_or((10, 10), |day| (day, day)),
    }
}

impl Teller {
    fn tell(&mut self, line: &str, day: i64) {
        if let Some(expected) = line.strip_prefix("=>") {
            return self.steps.push(Step::Expect(expected.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        if line == "again" {
            let last = self.steps.iter().rev().find(|step| matches!(step, Step::Event(_))).expect("an event").clone();
            return self.steps.push(last);
        }
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "target" {
            let facts = words[2..].iter().map(|fact| fact.split_once('=').expect("key=value"));
            let facts = facts.map(|(key, value)| (key.into(), value.into())).collect();
            self.targets.insert(words[1].into(), facts);
            return;
        }
        if words[0].starts_with('d') && words[0][1..].starts_with(|c: char| c.is_ascii_digit()) {
            words.remove(0);
        }
        let time = time(day, words[0]);
        let (chain, source) = words[1].split_once('@').expect("who@where");
        let (target, protocol) = words[2].split_once('/').expect("target/protocol");
        self.event(time, chain, source, target, protocol, words[3], &words[4..]);
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a line")]
    fn event(
        &mut self,
        time: Time,
        chain: &str,
        source: &str,
        target: &str,
        protocol: &str,
        verb: &str,
        rest: &[&str],
    ) {
        self.count += 1;
        let id = format!("e{}", self.count);
        let way = format!("{chain}@{source} {target}/{protocol}");
        let fact =
            |key: &str| rest.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned);
        if matches!(verb, "open" | "refused" | "decoy") || !self.sessions.contains_key(&way) {
            let account =
                Account { name: fact("account").unwrap_or_else(|| "svc".into()), credential: fact("credential") };
            self.sessions.insert(way.clone(), (format!("s{}", self.count), time, account, fact("alias")));
        }
        let (session, opened, account, alias) = self.sessions[&way].clone();
        let facts = self.targets.get(target).cloned().unwrap_or_default();
        let mut disclosures = Vec::new();
        for (at, word) in rest.iter().enumerate() {
            if let Some((kind, value)) = word.split_once('=')
                && let Some(kind) = DisclosureKind::parse(kind)
                && verb != "open"
                && !matches!(verb, "refused" | "decoy")
            {
                let known = (rest.get(at + 1) == Some(&"is")).then(|| rest[at + 2].to_owned());
                disclosures.push(Disclosure { kind, value: value.into(), target: known });
            }
        }
        let action = Action {
            id: format!("act-{}", self.count),
            class: if protocol == "ssh" { Class::Command } else { Class::Statement },
            verb: Verb::Read,
            text: rest.join(" "),
            objects: if verb == "reads" { vec![rest[0].into()] } else { Vec::new() },
            parameters_digest: None,
            database: None,
        };
        let decision = |effect| Decision { effect, reason: String::new(), policies: Vec::new() };
        let took = if verb == "slow" { rest[0].parse::<u64>().expect("seconds") * 1_000_000 } else { 1000 };
        let outcome = Outcome {
            status: Status::Success,
            code: String::new(),
            detail: String::new(),
            rows: 1,
            bytes_in: 0,
            bytes_out: 0,
            duration_us: took,
        };
        let base = Event {
            id: id.clone(),
            time,
            session: session.clone(),
            identity: identity(chain),
            source: Source {
                host: Some(source.into()),
                target: self.targets.contains_key(source).then(|| source.into()),
                ..Source::default()
            },
            target: Target {
                name: target.into(),
                protocol: Protocol::parse(protocol).expect("protocol"),
                host: facts.get("host").cloned(),
                address: facts.get("address").map(|address| address.parse().expect("address")),
                port: 0,
                alias,
            },
            account,
            disclosures: Vec::new(),
            presented: Vec::new(),
            kind: Kind::Opened,
        };
        let acted = |effect, outcome| Kind::Acted { action: action.clone(), decision: decision(effect), outcome };
        let mut push = |id: String, kind, disclosures| {
            self.steps.push(Step::Event(Box::new(Event { id, kind, disclosures, ..base.clone() })));
        };
        match verb {
            "open" => push(id, Kind::Opened, disclosures),
            "refused" => {
                let refused = Refused { reason: rest[0].into(), detail: String::new(), verdict: None };
                push(id, Kind::Refused(refused), disclosures);
            }
            "decoy" => {
                let presented = vec![DecoyUse {
                    session: rest[0].into(),
                    field: rest[1].into(),
                    target: rest[2].into(),
                    place: DecoyPlace::Password,
                }];
                let refused = Refused { reason: "decoy".into(), detail: String::new(), verdict: None };
                let kind = Kind::Refused(refused);
                self.steps.push(Step::Event(Box::new(Event { id, kind, presented, ..base })));
            }
            "reads" | "slow" => {
                push(id.clone(), acted(Effect::Allow, None), Vec::new());
                let result = Kind::Resulted { action: action.id.clone(), class: action.class, outcome };
                push(format!("{id}r"), result, disclosures);
            }
            "imported" => push(id, acted(Effect::Allow, Some(outcome)), disclosures),
            "runs" => push(id, acted(Effect::Allow, None), disclosures),
            "denied" => push(id, acted(Effect::Deny, None), disclosures),
            "close" => {
                let closed = Closed {
                    reason: "client".into(),
                    detail: String::new(),
                    verdict: None,
                    opened,
                    actions: 0,
                    denied: 0,
                    bytes_in: 0,
                    bytes_out: 0,
                };
                push(id, Kind::Closed(closed), disclosures);
                self.sessions.remove(&way);
            }
            other => panic!("no such verb: {other}"),
        }
    }
}

fn identity(chain: &str) -> Identity {
    let kind = |at, id: &str| match at {
        0 if id.starts_with("svc:") => PrincipalKind::Workload,
        0 => PrincipalKind::Person,
        _ => PrincipalKind::Agent,
    };
    let chain =
        chain.split('>').enumerate().map(|(at, id)| Principal { id: id.into(), kind: kind(at, id) }).collect();
    Identity::new("https://issuer.example", chain).expect("a chain")
}

fn time(day: i64, clock: &str) -> Time {
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().expect("a time")).collect();
    let seconds = parts[0] * 3600 + parts[1] * 60 + parts.get(2).copied().unwrap_or(0);
    Time((20_000 + day) * 86_400_000_000 + seconds * 1_000_000)
}

/// An output as a story writes it.
pub(crate) fn tell(output: &Output) -> String {
    match output {
        Output::Verdict(verdict) => {
            let scope = &verdict.scope;
            let shadow = if verdict.mode.name() == "shadow" { " (shadow)" } else { "" };
            match (&scope.root, &scope.actor, &scope.source) {
                (Some(root), Some(actor), None) => format!("{} {root}/{actor}{shadow}", verdict.effect),
                (None, None, Some(source)) => format!("{} @{source}{shadow}", verdict.effect),
                other => panic!("no such scope: {other:?}"),
            }
        }
        Output::Alert(alert) => {
            let hops: Vec<_> = alert.chain.iter().map(|hop| format!("{} {}", hop.target, hop.cause)).collect();
            format!("{} r{} {}: {}", alert.detection, alert.revision, alert.severity, hops.join(" -> "))
        }
    }
}

/// Nine days on which somebody goes each way several times, as lines of a story: whoever has a habit.
pub(crate) fn past(who: &str, ways: &[&str]) -> String {
    let mut lines = String::new();
    for hour in 10..18 {
        for way in ways {
            lines.push_str(&format!("d1..9 {hour}:00 {who} {way} open\nd1..9 {hour}:20 {who} {way} close\n"));
        }
    }
    lines
}

/// Only the events.
pub(crate) fn events(story: &str) -> Vec<Event> {
    let event = |step| if let Step::Event(event) = step { Some(*event) } else { None };
    parse(story).into_iter().filter_map(event).collect()
}

/// Plays a story; every `=>` must hold, and what is said after the last one must be nothing.
pub(crate) fn check_with(settings: Settings, story: &str) -> Vec<Output> {
    let mut detector = Detector::new(settings);
    let (mut all, mut said, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    let mut steps = parse(story).into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Event(event) => {
                let outputs = detector.observe(&event);
                said.extend(outputs.iter().map(tell));
                all.extend(outputs);
            }
            Step::Expect(line) => {
                expected.extend((line != "silent").then_some(line));
                if !matches!(steps.peek(), Some(Step::Expect(_))) {
                    assert_eq!(std::mem::take(&mut said), std::mem::take(&mut expected), "in the story\n{story}");
                }
            }
        }
    }
    assert!(said.is_empty(), "said at the end: {said:?}\nin the story\n{story}");
    assert_eq!(detector.counts().broken, 0);
    all
}

/// Plays a story under the default settings.
pub(crate) fn check(story: &str) -> Vec<Output> {
    check_with(Settings::default(), story)
}
