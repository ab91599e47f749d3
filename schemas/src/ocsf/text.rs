//! The text of an action where OCSF has several attributes: one line that a person reads, and back.

use crate::{Class, Verb};

/// One Kubernetes request: `create jobs promo/sync-promo-41`, `list pods promo/`, `get nodes node-1`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Api<'a> {
    pub(super) operation: &'a str,
    pub(super) resource: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

impl<'a> Api<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut words = text.splitn(3, ' ');
        let operation = words.next().unwrap_or_default();
        let resource = words.next().unwrap_or_default();
        let object = words.next().unwrap_or_default();
        let (namespace, name) = match object.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, object),
        };
        Self { operation, resource, namespace, name: (!name.is_empty()).then_some(name) }
    }

    pub(super) fn verb(&self) -> Verb {
        match (self.operation, self.resource.rsplit_once('/').map(|(_, subresource)| subresource)) {
            ("create" | "get", Some("exec" | "attach")) => Verb::Execute,
            ("create" | "get", Some("portforward" | "proxy")) => Verb::Connect,
            ("get" | "list" | "watch", _) => Verb::Read,
            ("create", _) => Verb::Create,
            ("update" | "patch", _) => Verb::Update,
            ("delete" | "deletecollection", _) => Verb::Delete,
            _ => Verb::Other,
        }
    }
}

impl std::fmt::Display for Api<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operation, self.resource)?;
        match (self.namespace, self.name.unwrap_or_default()) {
            (Some(namespace), name) => write!(f, " {namespace}/{name}"),
            (None, "") => Ok(()),
            (None, name) => write!(f, " {name}"),
        }
    }
}

/// `METHOD /path` of an HTTP request; `operation path` of a file.
pub(super) fn request(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// What is done to a file.
pub(super) const fn file_verb(activity: u32) -> Verb {
    match activity {
        2 => Verb::Read,
        3 => Verb::Create,
        1 | 4 | 5 | 6 => Verb::Update,
        _ => Verb::Other,
    }
}

/// What an HTTP method does.
pub(super) fn method_verb(method: &str) -> Verb {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => Verb::Read,
        "POST" => Verb::Create,
        "PUT" | "PATCH" => Verb::Update,
        "DELETE" => Verb::Delete,
        "CONNECT" => Verb::Connect,
        _ => Verb::Other,
    }
}

/// `host:port` of a forward; an IPv6 address stands in brackets. The port is 0 if there is none.
pub(super) fn endpoint(text: &str) -> (&str, u16) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => match port.parse() {
            Ok(port) => (host.trim_start_matches('[').trim_end_matches(']'), port),
            Err(_) => (text, 0),
        },
        _ => (text, 0),
    }
}

/// The inverse of [`endpoint`].
pub(super) fn forward(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What of the text names things touched, where the text alone says it.
pub(super) fn objects(class: Class, text: &str) -> Vec<String> {
    let object = match class {
        Class::Command => text.split_whitespace().next().unwrap_or_default(),
        Class::Request => request(text).1.split('?').next().unwrap_or_default(),
        Class::Forward => text,
        Class::Api => Api::parse(text).resource,
        Class::File => request(text).1,
        Class::Statement | Class::Shell => "",
    };
    if object.is_empty() { Vec::new() } else { vec![object.to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_text_reads_back() {
        for (text, verb) in [
            ("create jobs promo/sync-promo-41", Verb::Create),
            ("create pods/exec promo/web-1", Verb::Execute),
            ("list pods promo/", Verb::Read),
            ("list nodes", Verb::Read),
            ("get nodes node-1", Verb::Read),
            ("patch deployments a/b", Verb::Update),
            ("impersonate users", Verb::Other),
        ] {
            let api = Api::parse(text);
            assert_eq!(api.to_string(), text);
            assert_eq!(api.verb(), verb, "{text}");
        }
    }

    #[test]
    fn forward_text_reads_back() {
        for (host, port) in [("db.example", 5432), ("10.0.0.1", 22), ("2001:db8::1", 443)] {
            assert_eq!(endpoint(&forward(host, port)), (host, port));
        }
        assert_eq!(endpoint("no port here"), ("no port here", 0));
        assert_eq!(endpoint("host:99999"), ("host:99999", 0));
    }
}
