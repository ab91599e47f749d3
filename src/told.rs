//! One alert as a responder reads it: what happened hop by hop and why each belongs to it, what was done about it, and,
//! if the lake holds it, what people said of it and where to look next.

use interdict_queries::neutral;
use interdict_schemas::{Alert, Hop, Resolution, Verdict};
use std::fmt::{self, Display, Formatter};

/// An alert, with what is known beside it.
pub(crate) struct Told {
    pub(crate) alert: Alert,
    /// The verdicts that it gave, in the order in which they last changed.
    pub(crate) verdicts: Vec<Verdict>,
    /// Absent where the alert is in no lake.
    pub(crate) recorded: Option<Recorded>,
}

/// What a person said last of an alert in the lake, if anybody did.
pub(crate) struct Recorded(pub(crate) Option<Resolution>);

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let alert = &self.alert;
        writeln!(f, "{}", neutral(&alert.title))?;
        writeln!(
            f,
            "{}  {}, risk {} of 1000, by {}, revision {}",
            alert.time,
            alert.severity,
            alert.risk,
            neutral(&alert.detection),
            alert.revision
        )?;
        for (at, hop) in alert.chain.iter().enumerate() {
            told(f, at + 1, hop)?;
        }
        if let Some(clears) = clears(&alert.explanation, &self.verdicts) {
            writeln!(f, "\n{}", neutral(clears))?;
        }
        let techniques = alert.techniques.iter().map(|technique| format!("{} {}", technique.id, technique.name));
        writeln!(f, "\nATT&CK    {}", neutral(&techniques.collect::<Vec<_>>().join(", ")))?;
        if self.verdicts.is_empty() {
            writeln!(f, "Verdict   none: nobody is stopped by this alert")?;
        }
        for verdict in &self.verdicts {
            writeln!(f, "Verdict   {}", neutral(&done(verdict)))?;
        }
        let Some(recorded) = &self.recorded else { return Ok(()) };
        writeln!(f, "Finding   {}", neutral(&recorded.found(&alert.id)))?;
        let last = alert.chain.last().map(|hop| hop.session.as_str()).unwrap_or_default();
        writeln!(f, "Look on   interdict replay {}; interdict export case {}", neutral(last), neutral(&alert.id))
    }
}

/// One hop: when, who, from where to where, and why it belongs here, a clause a line.
fn told(f: &mut Formatter<'_>, at: usize, hop: &Hop) -> fmt::Result {
    let account = if hop.account.is_empty() { String::new() } else { format!(" as {}", hop.account) };
    let way = format!("{} -> {} ({}{account})", hop.source, hop.target, hop.protocol);
    writeln!(f, "\n{at:>3}. {}  {}  {}", hop.time, neutral(&hop.actor), neutral(&way))?;
    for clause in hop.evidence.split("; ").flat_map(|clause| clause.split(". ")) {
        writeln!(f, "       {}", neutral(clause))?;
    }
    writeln!(f, "       {}: session {}", neutral(&hop.cause), neutral(&hop.session))
}

/// The sentence of an explanation that says what would clear it. What stands after it is of one of the verdicts, which are
/// told by themselves as they are now.
fn clears<'a>(explanation: &'a str, verdicts: &[Verdict]) -> Option<&'a str> {
    let from = explanation.rfind("It is cleared if ").and_then(|at| explanation.get(at..))?;
    let ends = verdicts.iter().filter_map(|verdict| from.find(&format!(" Until {} all sessions ", verdict.until)));
    Some(ends.min().and_then(|end| from.get(..end)).unwrap_or(from))
}

fn done(verdict: &Verdict) -> String {
    let state = if verdict.revoked { "taken back".to_owned() } else { format!("until {}", verdict.until) };
    format!("{} ({}) of {}, {state}; its id is {}", verdict.effect, verdict.mode, verdict.scope, verdict.id)
}

impl Recorded {
    fn found(&self, alert: &str) -> String {
        let Some(resolution) = &self.0 else {
            return format!("none yet: interdict alerts resolve {alert} --benign | --malicious");
        };
        let note = if resolution.note.is_empty() { String::new() } else { format!(": {}", resolution.note) };
        format!("{}, says {} at {}{note}", resolution.finding, resolution.by, resolution.time)
    }
}

#[cfg(test)]
mod tests {
    use super::clears;
    use interdict_schemas::{Mode, Scope, Stop, Time, Verdict};

    fn verdict(until: Time) -> Verdict {
        Verdict {
            id: "v".to_owned(),
            time: Time(0),
            scope: Scope::default(),
            effect: Stop::Stop,
            mode: Mode::Enforce,
            until,
            reason: String::new(),
            evidence: Vec::new(),
            alert: None,
            by: String::new(),
            revoked: false,
        }
    }

    #[test]
    fn what_would_clear_it_is_the_last_sentence_whatever_a_name_says() {
        let text = "x It is cleared if y read z. It is cleared if the owner of a confirms db Until b.";
        let cleared = Some("It is cleared if the owner of a confirms db Until b.");
        assert_eq!(clears(text, &[]), cleared);
        let until = Time(1_800_000_000_000_000);
        let stopped = format!("{text} Until {until} all sessions of c Until d are stopped.");
        assert_eq!(clears(&stopped, &[verdict(Time(0)), verdict(until)]), cleared);
        assert_eq!(clears("cut", &[]), None);
    }
}
