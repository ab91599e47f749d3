//! How the functions get to a cluster: by name, with what each looks up. `replay_url` takes its place along, and `risk`
//! what all alerts say, so that no executor has to read it again.

use super::risk::Risk;
use super::text::Text;
use super::{FINGERPRINT, REPLAY_URL, RISK, bounded, fingerprint, replay_url};
use datafusion::common::plan_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ScalarUDF;
use interdict_cluster::Functions;
use std::any::Any;

/// The functions of the field, for a cluster's parts and for who asks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Travelling;

impl Functions for Travelling {
    fn encode(&self, function: &ScalarUDF) -> Result<Option<Vec<u8>>> {
        let inner = function.inner().as_ref() as &dyn Any;
        if let Some(risk) = inner.downcast_ref::<Risk>() {
            return risk.told().map(Some);
        }
        if let Some(told) = bounded::told(function) {
            return Ok(Some(told));
        }
        Ok(inner.downcast_ref::<Text>().map(|text| text.setting.clone().into_bytes()))
    }

    fn decode(&self, name: &str, told: &[u8]) -> Result<Option<ScalarUDF>> {
        let setting = || {
            let text = std::str::from_utf8(told).map_err(|error| DataFusionError::External(error.into()))?;
            Ok::<_, DataFusionError>(text.to_owned())
        };
        Ok(Some(match name {
            FINGERPRINT if told.is_empty() => fingerprint(),
            FINGERPRINT => return plan_err!("{name} is told nothing"),
            REPLAY_URL => replay_url(setting()?),
            RISK => ScalarUDF::from(Risk::of(told)?),
            name => return bounded::of(name, told),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_arrives_as_it_left() {
        let check = |function: ScalarUDF| {
            let told = Travelling.encode(&function).expect("encodes").expect("one of ours");
            let arrived = Travelling.decode(function.name(), &told).expect("decodes").expect("one of ours");
            assert_eq!(Travelling.encode(&arrived).expect("encodes"), Some(told), "{}", function.name());
        };
        check(fingerprint());
        check(replay_url("https://gateway/r/{session}".to_owned()));
        check(ScalarUDF::from(Risk::of(br#"{"s1":800}"#).expect("risks")));
        for name in ["textcat", "concat", "list_cat", "range"] {
            check(bounded::of(name, &99_u64.to_le_bytes()).expect("decodes").expect("bounded"));
            assert!(bounded::of(name, b"x").is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_not_ours_or_not_known_does_not_travel() {
        assert!(Travelling.decode("lower", &[]).expect("decodes").is_none());
        assert!(Travelling.encode(&ScalarUDF::from(Risk::default())).is_err());
        for (name, told) in [(RISK, &b"{"[..]), (REPLAY_URL, b"\xff"), (FINGERPRINT, b"x")] {
            assert!(Travelling.decode(name, told).is_err(), "{name}");
        }
    }
}
