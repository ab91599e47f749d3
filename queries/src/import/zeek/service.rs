//! Which protocol a connection speaks: by what Zeek saw in it, else by its port.

use interdict_schemas::Protocol;

/// Services that only carry names, times and addresses: nobody gets anywhere by them.
const PLUMBING: [&str; 10] =
    ["dns", "ntp", "dhcp", "syslog", "snmp", "radius", "ssdp", "llmnr", "netbios-ns", "quic"];

/// What Zeek calls a service, the surest first: a connection may have several.
const SERVICES: [(&str, Protocol); 17] = [
    ("ssh", Protocol::Ssh),
    ("rdp", Protocol::Rdp),
    ("smb", Protocol::Smb),
    ("dce_rpc", Protocol::Rpc),
    ("postgresql", Protocol::Postgres),
    ("postgres", Protocol::Postgres),
    ("mysql", Protocol::Database),
    ("mongodb", Protocol::Database),
    ("redis", Protocol::Database),
    ("krb", Protocol::Kerberos),
    ("krb_tcp", Protocol::Kerberos),
    ("krb_udp", Protocol::Kerberos),
    ("http", Protocol::Http),
    ("ldap", Protocol::Network),
    ("ldap_tcp", Protocol::Network),
    ("ntlm", Protocol::Ntlm),
    ("gssapi", Protocol::Network),
];

/// What stands behind a port.
pub(super) const fn at_port(port: u16) -> Option<Protocol> {
    Some(match port {
        22 => Protocol::Ssh,
        80 | 443 | 8000 | 8080 | 8443 => Protocol::Http,
        88 => Protocol::Kerberos,
        135 => Protocol::Rpc,
        139 | 445 => Protocol::Smb,
        1433 | 1521 | 3306 | 6379 | 27017 => Protocol::Database,
        3389 => Protocol::Rdp,
        5432 => Protocol::Postgres,
        5985 | 5986 => Protocol::Winrm,
        6443 => Protocol::Kubernetes,
        _ => return None,
    })
}

/// The protocol of a connection; nothing if it is none that a session could be of.
pub(super) fn of(services: &str, transport: &str, port: u16) -> Option<Protocol> {
    let has = |name: &str| services.split(',').any(|service| service.trim().eq_ignore_ascii_case(name));
    let known = SERVICES.iter().find(|(name, _)| has(name)).map(|(_, protocol)| *protocol);
    match known {
        // The port knows better what is spoken over HTTP, or under a mere authentication.
        Some(Protocol::Http | Protocol::Ntlm | Protocol::Network) => at_port(port).or(known),
        Some(_) => known,
        None if PLUMBING.iter().any(|name| has(name)) => None,
        None => at_port(port).or((transport == "tcp").then_some(Protocol::Network)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_is_what_zeek_saw_or_what_the_port_says() {
        for (services, transport, port, expected) in [
            ("ssh", "tcp", 2222, Some(Protocol::Ssh)),
            ("gssapi,smb,krb", "tcp", 445, Some(Protocol::Smb)),
            ("http", "tcp", 5985, Some(Protocol::Winrm)),
            ("http", "tcp", 9000, Some(Protocol::Http)),
            ("", "tcp", 3389, Some(Protocol::Rdp)),
            ("", "tcp", 40000, Some(Protocol::Network)),
            ("krb", "udp", 88, Some(Protocol::Kerberos)),
            ("dns", "udp", 53, None),
            ("", "udp", 40000, None),
        ] {
            assert_eq!(of(services, transport, port), expected, "{services} {port}");
        }
    }
}
