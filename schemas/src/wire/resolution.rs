//! What people say of alerts.

use super::{Error, Result, pb, present};
use crate::{Resolution, Time};

impl From<&Resolution> for pb::Resolution {
    fn from(resolution: &Resolution) -> Self {
        Self {
            alert: resolution.alert.clone(),
            time_us: resolution.time.0,
            root: resolution.root.clone(),
            finding: resolution.finding.into(),
            by: resolution.by.clone(),
            note: resolution.note.clone(),
        }
    }
}

impl TryFrom<pb::Resolution> for Resolution {
    type Error = Error;

    fn try_from(resolution: pb::Resolution) -> Result<Self> {
        Ok(Self {
            alert: present(resolution.alert, "resolution.alert")?,
            time: Time(resolution.time_us),
            root: present(resolution.root, "resolution.root")?,
            finding: resolution.finding.try_into()?,
            by: resolution.by,
            note: resolution.note,
        })
    }
}
