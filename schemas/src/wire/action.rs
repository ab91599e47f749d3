//! Actions and outcomes.

use super::{Error, Result, option, pb, present, text};
use crate::{Action, Outcome, Verb};

impl From<&Action> for pb::Action {
    fn from(action: &Action) -> Self {
        Self {
            id: action.id.clone(),
            class: action.class.into(),
            verb: action.verb.name().to_owned(),
            text: action.text.clone(),
            objects: action.objects.clone(),
            parameters_digest: text(&action.parameters_digest),
            database: text(&action.database),
        }
    }
}

impl TryFrom<pb::Action> for Action {
    type Error = Error;

    fn try_from(action: pb::Action) -> Result<Self> {
        Ok(Self {
            id: present(action.id, "action.id")?,
            class: action.class.try_into()?,
            verb: Verb::parse(&action.verb).ok_or(Error::Missing("action.verb"))?,
            text: action.text,
            objects: action.objects,
            parameters_digest: option(action.parameters_digest),
            database: option(action.database),
        })
    }
}

impl From<&Outcome> for pb::Outcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            status: outcome.status.into(),
            code: outcome.code.clone(),
            detail: outcome.detail.clone(),
            rows: outcome.rows,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration_us: outcome.duration_us,
        }
    }
}

impl TryFrom<pb::Outcome> for Outcome {
    type Error = Error;

    fn try_from(outcome: pb::Outcome) -> Result<Self> {
        Ok(Self {
            status: outcome.status.try_into()?,
            code: outcome.code,
            detail: outcome.detail,
            rows: outcome.rows,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration_us: outcome.duration_us,
        })
    }
}
