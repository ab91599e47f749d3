//! MITRE ATT&CK techniques that interdict can see, and which of them a protocol's use is. Ids as in ATT&CK v17.

use crate::{DisclosureKind, Protocol, Technique};

fn technique(tactic: &str, id: &str, name: &str) -> Technique {
    Technique { tactic: tactic.into(), id: id.into(), name: name.into() }
}

/// Moving to a target over this protocol with an account that is valid there.
#[must_use]
pub fn movement(protocol: Protocol) -> Technique {
    match protocol {
        Protocol::Ssh => technique("TA0008", "T1021.004", "Remote Services: SSH"),
        Protocol::Kubernetes | Protocol::Cloud => technique("TA0008", "T1021.007", "Remote Services: Cloud Services"),
        Protocol::Rdp => technique("TA0008", "T1021.001", "Remote Services: Remote Desktop Protocol"),
        Protocol::Smb => technique("TA0008", "T1021.002", "Remote Services: SMB/Windows Admin Shares"),
        Protocol::Winrm => technique("TA0008", "T1021.006", "Remote Services: Windows Remote Management"),
        Protocol::Postgres
        | Protocol::Http
        | Protocol::Kerberos
        | Protocol::Ntlm
        | Protocol::Rpc
        | Protocol::Logon
        | Protocol::Database
        | Protocol::Network => technique("TA0008", "T1021", "Remote Services"),
    }
}

/// Reading where things are over this protocol.
#[must_use]
pub fn collection(protocol: Protocol) -> Technique {
    match protocol {
        Protocol::Postgres | Protocol::Database => {
            technique("TA0009", "T1213.006", "Data from Information Repositories: Databases")
        }
        Protocol::Http => technique("TA0009", "T1213", "Data from Information Repositories"),
        Protocol::Smb => technique("TA0009", "T1039", "Data from Network Shared Drive"),
        Protocol::Cloud => technique("TA0007", "T1580", "Cloud Infrastructure Discovery"),
        Protocol::Ssh
        | Protocol::Rdp
        | Protocol::Kerberos
        | Protocol::Ntlm
        | Protocol::Rpc
        | Protocol::Winrm
        | Protocol::Logon
        | Protocol::Network => technique("TA0007", "T1018", "Remote System Discovery"),
        Protocol::Kubernetes => technique("TA0007", "T1613", "Container and Resource Discovery"),
    }
}

/// Using what was disclosed, beyond the place itself.
#[must_use]
pub fn disclosed(kind: DisclosureKind) -> Option<Technique> {
    match kind {
        // Whoever took a decoy took it for a credential.
        DisclosureKind::Credential | DisclosureKind::Decoy => {
            Some(technique("TA0006", "T1552", "Unsecured Credentials"))
        }
        DisclosureKind::Account => Some(technique("TA0007", "T1087", "Account Discovery")),
        DisclosureKind::HostName | DisclosureKind::Address | DisclosureKind::Alias => None,
    }
}

/// Acting with an identity's own, valid access.
#[must_use]
pub fn valid_accounts() -> Technique {
    technique("TA0004", "T1078", "Valid Accounts")
}

/// Trying many targets to see what is there.
#[must_use]
pub fn service_discovery() -> Technique {
    technique("TA0007", "T1046", "Network Service Discovery")
}

/// Looking around: accounts, rights, connections.
#[must_use]
pub fn discovery() -> Technique {
    technique("TA0007", "T1087", "Account Discovery")
}

/// Reaching further than was delegated.
#[must_use]
pub fn elevation() -> Technique {
    technique("TA0004", "T1548", "Abuse Elevation Control Mechanism")
}

/// Presenting a token or delegation that belongs to somebody else.
#[must_use]
pub fn token() -> Technique {
    technique("TA0005", "T1550.001", "Use Alternate Authentication Material: Application Access Token")
}

/// Reaching a target through another one's session.
#[must_use]
pub fn tunnel() -> Technique {
    technique("TA0011", "T1572", "Protocol Tunneling")
}
