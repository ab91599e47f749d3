//! OCSF to and from events and alerts.
