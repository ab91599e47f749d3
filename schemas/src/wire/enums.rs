//! Numbers of the protobuf enums.

use super::{Error, Result, pb};
use crate::{
    Class, DecoyPlace, DisclosureKind, Effect, Finding, Mode, PrincipalKind, Severity, Status, Stop, Stream,
};

/// Maps a domain enum to its protobuf number and back; an unknown number is an error.
macro_rules! enums {
    ($($domain:ident <-> $wire:path, $field:literal { $($variant:ident),+ })+) => { $(
        impl From<$domain> for i32 {
            fn from(value: $domain) -> Self {
                use $wire as Wire;
                match value { $($domain::$variant => Wire::$variant as Self),+ }
            }
        }

        impl TryFrom<i32> for $domain {
            type Error = Error;

            fn try_from(value: i32) -> Result<Self> {
                use $wire as Wire;
                match Wire::try_from(value) {
                    $(Ok(Wire::$variant) => Ok(Self::$variant),)+
                    _ => Err(Error::Missing($field)),
                }
            }
        }
    )+ };
}

enums! {
    PrincipalKind <-> pb::principal::Kind, "principal.kind" { Person, Administrator, Workload, Agent }
    DisclosureKind <-> pb::disclosure::Kind, "disclosure.kind" { HostName, Address, Alias, Account, Credential, Decoy }
    DecoyPlace <-> pb::decoy_use::Place, "presented.place" { Password, User, Header, Host, Destination, Command, Statement }
    Class <-> pb::action::Class, "action.class" { Statement, Command, Shell, Request, Forward, Api, File }
    Effect <-> pb::decision::Effect, "decision.effect" { Allow, Deny }
    Status <-> pb::outcome::Status, "outcome.status" { Success, Failure, Unknown }
    Stream <-> pb::chunk::Stream, "chunk.stream" { Header, Output, Input, Resize, Exit }
    Severity <-> pb::alert::Severity, "alert.severity" { Informational, Low, Medium, High, Critical }
    Stop <-> pb::verdict::Effect, "verdict.effect" { Stop, Hold, Watch }
    Mode <-> pb::verdict::Mode, "verdict.mode" { Enforce, Shadow }
    Finding <-> pb::resolution::Finding, "resolution.finding" { Benign, Malicious }
}
