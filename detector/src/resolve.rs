//! What a person found, on its way into the fold. Live, rebuild and batch all pass through this one place.

use crate::{Detector, Output};
use interdict_schemas::Resolution;

/// Tells the detector what an alert turned out to be, and says what follows from it.
// The one place to change when the fold learns from resolutions: `detector.resolve(resolution)`.
pub fn resolve(detector: &mut Detector, resolution: &Resolution) -> Vec<Output> {
    tracing::debug!(
        alert = resolution.alert,
        finding = %resolution.finding,
        events = detector.counts().events,
        "an alert was resolved"
    );
    Vec::new()
}
