//! `interdict forensics`: the detector over stored events, of files or of the lake.

use crate::cli;
use crate::grid::grid;
use crate::settings::{self, Settings};
use crate::stored::Stored;
use crate::told::Told;
use crate::when::Span;
use anyhow::{Context as _, bail};
use interdict_detector::{Detector, Fact, Output};
use interdict_queries::forensics::Findings;
use interdict_schemas::{Alert, Verdict};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(crate) async fn run(args: cli::Forensics, config: &Path) -> anyhow::Result<()> {
    let span = Span::between(args.from, args.to, ["--from", "--to"])?;
    // Forensics over files needs no gateway: the detector's settings are the configuration's if there is one.
    let settings = match &args.rules {
        Some(rules) => settings::rules(rules)?,
        None => Settings::detector(config)?,
    };
    let alerts = args.alerts.as_ref().and_then(|file| file.canonicalize().ok());
    let is_it = |file: &&PathBuf| alerts.is_some() && file.canonicalize().ok() == alerts;
    if let Some(file) = args.stored.events.iter().find(is_it) {
        bail!("{} holds the events: alerts would take their place; name another file", file.display());
    }
    let stored = Stored::open(args.stored, config, &settings, span).await?;
    let wanted = Wanted { span, identity: args.identity, target: args.target };
    let told = match (args.alerts, args.show) {
        (Some(file), _) => Telling::File(Findings::create(&file)?),
        (None, Some(id)) => Telling::One { id, alert: None, verdicts: Vec::new() },
        (None, None) => Telling::Table(BTreeMap::new()),
    };
    let judge = move || judge(stored, settings, &wanted, told);
    tokio::task::spawn_blocking(judge).await.context("forensics panicked")?
}

/// Which alerts are asked for. The others are found too, and not told.
struct Wanted {
    span: Span,
    identity: Option<String>,
    target: Option<String>,
}

impl Wanted {
    fn is_in_time(&self, alert: &Alert) -> bool {
        (self.span.from..=self.span.to).contains(&alert.time)
    }

    fn is_about(&self, alert: &Alert) -> bool {
        let mut hops = alert.chain.iter();
        let acts = |id: &String| alert.root == *id || alert.actor == *id || hops.any(|hop| hop.actor == *id);
        let identity = self.identity.as_ref().is_none_or(acts);
        let reached = |name: &String| alert.chain.iter().any(|hop| hop.target == *name);
        let target = self.target.as_ref().is_none_or(reached);
        identity && target
    }
}

/// Where alerts go.
enum Telling {
    /// Each revision of each as an OCSF finding.
    File(Findings),
    /// The last revision of each, in a table at the end.
    Table(BTreeMap<String, Alert>),
    /// The last revision of one, hop by hop, with the verdicts that it gave.
    One { id: String, alert: Option<Alert>, verdicts: Vec<Verdict> },
}

impl Telling {
    fn tell(&mut self, alert: &Alert, verdict: Option<&Verdict>) -> anyhow::Result<()> {
        match self {
            Self::File(findings) => findings.write(alert, verdict)?,
            Self::Table(alerts) => {
                alerts.insert(alert.id.clone(), alert.clone());
            }
            Self::One { id, alert: last, .. } if *id == alert.id => *last = Some(alert.clone()),
            Self::One { .. } => {}
        }
        Ok(())
    }

    /// A verdict as it is from now on.
    fn hear(&mut self, verdict: &Verdict) {
        if let Self::One { id, verdicts, .. } = self
            && verdict.alert.as_ref() == Some(id)
        {
            verdicts.retain(|before| before.id != verdict.id);
            verdicts.push(verdict.clone());
        }
    }

    /// Ends it; says in words how much was told.
    fn finish(self) -> anyhow::Result<String> {
        match self {
            Self::File(findings) => Ok(format!("{} revisions of alerts", findings.finish()?)),
            Self::Table(alerts) => {
                let mut alerts: Vec<_> = alerts.into_values().collect();
                alerts.sort_by(|left, right| (left.time, &left.id).cmp(&(right.time, &right.id)));
                let count = alerts.len();
                writeln!(std::io::stdout(), "{}", grid(COLUMNS, alerts.into_iter().map(row)))?;
                Ok(if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") })
            }
            Self::One { alert: Some(alert), verdicts, .. } => {
                write!(std::io::stdout(), "{}", Told { alert, verdicts, recorded: None })?;
                Ok("1 alert".to_owned())
            }
            Self::One { id, alert: None, .. } => {
                bail!(
                    "no alert `{id}` is found in these events and this span; leave --show out for a table of those that are"
                )
            }
        }
    }
}

const COLUMNS: [&str; 8] = ["id", "time", "severity", "risk", "detection", "root", "actor", "title"];

fn row(alert: Alert) -> [String; 8] {
    [
        alert.id,
        alert.time.to_string(),
        alert.severity.to_string(),
        alert.risk.to_string(),
        alert.detection,
        alert.root,
        alert.actor,
        alert.title,
    ]
}

fn judge(
    stored: Stored,
    settings: interdict_detector::Settings,
    wanted: &Wanted,
    mut told: Telling,
) -> anyhow::Result<()> {
    let mut detector = Detector::new(settings);
    let mut standing = Standing::default();
    let (mut about, mut others) = (HashSet::new(), HashSet::new());
    let read = stored.read(|fact| {
        let outputs = match &fact {
            Fact::Event(event) if event.time > wanted.span.to => return Ok(()),
            Fact::Event(event) => detector.observe(event),
            Fact::Resolution(resolution) => detector.resolve(resolution),
        };
        for output in outputs {
            match output {
                Output::Verdict(verdict) => {
                    told.hear(&verdict);
                    standing.take(verdict);
                }
                Output::Alert(alert) if !wanted.is_in_time(&alert) => {}
                Output::Alert(alert) if wanted.is_about(&alert) => {
                    told.tell(&alert, standing.over(&alert))?;
                    about.insert(alert.id);
                }
                Output::Alert(alert) => {
                    others.insert(alert.id);
                }
            }
        }
        Ok(())
    });
    // What was found before a file turned out to be broken is told all the same.
    let told = told.finish();
    let read = read?;
    let told = told?;
    let others = match others.difference(&about).count() {
        0 => String::new(),
        count => format!("; not asked for: {count}"),
    };
    let counts = detector.counts();
    let mut folded = format!("{} doubled, {} late", counts.duplicates, counts.late);
    // Mostly there are none; where there are, what was found may not be all.
    for (count, word) in [(counts.future, "far ahead"), (counts.broken, "broken"), (counts.forgotten, "forgotten")] {
        if count > 0 {
            folded.push_str(&format!(", {count} {word}"));
        }
    }
    writeln!(std::io::stderr(), "{read}; {folded}; {told}{others}")?;
    Ok(())
}

/// The verdicts that have been given and have not run out.
#[derive(Default)]
struct Standing(HashMap<String, Verdict>);

impl Standing {
    fn take(&mut self, verdict: Verdict) {
        self.0.retain(|_, other| other.until > verdict.time);
        if verdict.revoked {
            self.0.remove(&verdict.id);
        } else {
            self.0.insert(verdict.id.clone(), verdict);
        }
    }

    /// The one that an alert names, if it covers whoever made the alert's last hop.
    fn over(&self, alert: &Alert) -> Option<&Verdict> {
        let verdict = self.0.get(alert.verdict.as_deref()?)?;
        let covers = verdict.scope.actor.as_ref().is_none_or(|actor| *actor == alert.actor);
        (verdict.until > alert.time && covers).then_some(verdict)
    }
}
