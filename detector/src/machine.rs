//! Which machines are of one kind: the names that a pool gives its short-lived members, and the networks they live in.

use std::net::IpAddr;

/// The family of a host name: the name without what a pool adds to make it unique. A label's last part goes if parts
/// are separated by `-`; so does a long one with digits before it, as replicas of a deployment have it.
///
/// `runner-9qzt4.ci.example` and `runner-x7k2p.ci.example` are of one family; so are `app-0042.prod.example` and
/// `app-0043.prod.example`. A name without parts is a family of its own.
#[must_use]
pub fn family(host: &str) -> (&str, &str) {
    let (label, domain) = host.split_once('.').unwrap_or((host, ""));
    let Some((stem, _)) = label.rsplit_once('-') else { return (label, domain) };
    match stem.rsplit_once('-') {
        Some((stem, part)) if part.len() >= 8 && part.bytes().any(|byte| byte.is_ascii_digit()) => (stem, domain),
        _ => (stem, domain),
    }
}

/// The network of an address that has no name: /24, or /64 for IPv6.
#[must_use]
pub fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address) >> 8) | 1 << 120,
        IpAddr::V6(address) => u128::from(address) >> 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_members_are_one_family() {
        let check =
            |one: &str, other: &str, same: bool| assert_eq!(family(one) == family(other), same, "{one} {other}");
        check("runner-9qzt4.ci.example", "runner-x7k2p.ci.example", true);
        check("orders-3f09a1c22-kx8wz.k8s", "orders-77aa01c9d-p2d7m.k8s", true);
        check("orders-3f09a1c22-kx8wz.k8s", "billing-3f09a1c22-kx8wz.k8s", false);
        check("app-0042.prod", "app-0043.stage", false);
        check("laptop", "desktop", false);
        check("", "", true);
    }
}
