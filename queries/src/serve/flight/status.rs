//! Refusals in gRPC's words; the SQLSTATE travels beside them.

use crate::serve::refusal::{Kind, Refusal};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            Kind::Unauthenticated => Code::Unauthenticated,
            Kind::Forbidden | Kind::ReadOnly | Kind::Over => Code::PermissionDenied,
            Kind::Syntax
            | Kind::NoTable
            | Kind::NoColumn
            | Kind::NoFunction
            | Kind::Wrong
            | Kind::Value
            | Kind::Protocol => Code::InvalidArgument,
            Kind::Unsupported => Code::Unimplemented,
            Kind::Time => Code::DeadlineExceeded,
            Kind::Cancelled => Code::Cancelled,
            Kind::Memory | Kind::Disk | Kind::Rows | Kind::Busy => Code::ResourceExhausted,
            Kind::Shutdown | Kind::Unrecorded => Code::Unavailable,
            Kind::Damaged => Code::DataLoss,
            Kind::Internal => Code::Internal,
        };
        let mut status = Self::new(code, refusal.message);
        status.metadata_mut().insert("sqlstate", MetadataValue::from_static(refusal.kind.sqlstate()));
        status
    }
}
