//! The columns of each OCSF class as `schemas::ocsf` writes it, nested as OCSF nests them. An attribute that is written and
//! has no column here is an error where it is exported, never left out.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use interdict_schemas::class;
use std::sync::Arc;

/// A class: its number, the word that names its source, and its own attributes.
struct Shape {
    class: u32,
    name: &'static str,
    own: fn() -> Vec<Field>,
}

static SHAPES: [Shape; 6] = [
    Shape { class: class::AUTHENTICATION, name: "authentication", own: authentication },
    Shape { class: class::DATASTORE, name: "datastore_activity", own: datastore },
    Shape { class: class::SSH, name: "ssh_activity", own: ssh },
    Shape { class: class::API, name: "api_activity", own: api },
    Shape { class: class::HTTP, name: "http_activity", own: http },
    Shape { class: class::SMB, name: "smb_activity", own: smb },
];

/// The name and the columns of a class.
pub(super) fn of(class: u32) -> Option<(&'static str, SchemaRef)> {
    let shape = SHAPES.iter().find(|shape| shape.class == class)?;
    let fields: Vec<Field> = common().into_iter().chain((shape.own)()).collect();
    Some((shape.name, Arc::new(Schema::new(fields))))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn object<const N: usize>(name: &str, fields: [Field; N]) -> Field {
    Field::new(name, DataType::Struct(fields.to_vec().into()), true)
}

fn list(name: &str, element: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("element", element, true))), true)
}

fn objects<const N: usize>(name: &str, fields: [Field; N]) -> Field {
    list(name, DataType::Struct(fields.to_vec().into()))
}

fn endpoint(name: &str) -> Field {
    object(name, [text("uid"), text("name"), text("hostname"), text("ip"), int("port")])
}

fn common() -> Vec<Field> {
    vec![
        int("activity_id"),
        int("category_uid"),
        int("class_uid"),
        long("type_uid"),
        int("severity_id"),
        long("time"),
        object(
            "metadata",
            [
                text("uid"),
                text("correlation_uid"),
                text("version"),
                object("product", [text("name"), text("vendor_name")]),
                list("profiles", DataType::Utf8),
            ],
        ),
        object(
            "actor",
            [
                object("user", [text("uid"), text("name"), int("type_id"), objects("groups", [text("name")])]),
                object("session", [text("uid")]),
                object("process", [text("uid"), text("cmd_line")]),
                object("idp", [text("uid")]),
            ],
        ),
        object("ai_agent", [text("uid"), text("name"), int("type_id")]),
        object("delegation", [text("uid"), text("parent_uid"), text("issuer_uid")]),
        endpoint("src_endpoint"),
        endpoint("dst_endpoint"),
        objects("observables", [text("name"), int("type_id"), text("value")]),
        int("status_id"),
        text("status_code"),
        text("status_detail"),
        text("message"),
        object("policy", [text("uid")]),
        objects("authorizations", [text("decision"), object("policy", [text("name")])]),
        int("action_id"),
        int("disposition_id"),
        text("disposition"),
        long("duration"),
    ]
}

fn traffic() -> Field {
    object("traffic", [long("bytes_in"), long("bytes_out")])
}

fn authentication() -> Vec<Field> {
    vec![
        object("service", [text("name")]),
        object("session", [text("uid")]),
        object("user", [text("name"), text("credential_uid"), int("type_id")]),
        long("start_time"),
        long("end_time"),
    ]
}

fn datastore() -> Vec<Field> {
    vec![
        object("query_info", [text("uid"), text("query_string")]),
        object("database", [text("uid"), text("name"), int("type_id")]),
    ]
}

fn ssh() -> Vec<Field> {
    vec![text("app_name"), endpoint("proxy_endpoint"), traffic()]
}

fn api() -> Vec<Field> {
    vec![
        object("api", [text("operation"), object("service", [text("name")])]),
        objects("resources", [text("uid"), text("type"), text("name"), text("namespace")]),
    ]
}

fn http() -> Vec<Field> {
    vec![
        object("http_request", [text("uid"), text("http_method"), object("url", [text("path")])]),
        object("http_response", [int("code")]),
        traffic(),
    ]
}

fn smb() -> Vec<Field> {
    vec![text("command"), object("file", [text("name"), text("path"), int("type_id")]), traffic()]
}
