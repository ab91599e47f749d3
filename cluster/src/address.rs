//! Where a cluster's scheduler is.

use crate::Error;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The scheme that says that a cluster answers.
const SCHEME: &str = "ballista";

/// A scheduler's place, written `ballista://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The port if none is said: Ballista's own.
    pub const PORT: u16 = 50050;

    /// The host, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A place without the scheme, as `HOST:PORT`.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_authority(text: &str) -> Result<Self, Error> {
        format!("{SCHEME}://{text}").parse().map_err(|_| Error::Address(text.to_owned()))
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Address(text.to_owned());
        let url = Url::parse(text).map_err(|_| wrong())?;
        // More than a place is more than is understood.
        let bare = url.scheme() == SCHEME
            && matches!(url.path(), "" | "/")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|host| bare && !host.is_empty()).ok_or_else(wrong)?;
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(Self::PORT) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port_and_nothing_else() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("ballista://scheduler", Some("ballista://scheduler:50050"));
        check("ballista://10.0.0.1:7000/", Some("ballista://10.0.0.1:7000"));
        check("ballista://[::1]:7000", Some("ballista://[::1]:7000"));
        for wrong in [
            "scheduler",
            "http://scheduler",
            "ballista://",
            "ballista://a/b",
            "ballista://me@a",
            "ballista://a?b",
            "",
        ] {
            check(wrong, None);
        }
        assert_eq!(Address::from_authority("a:1").expect("place").authority(), "a:1");
        assert!(Address::from_authority("ballista://a:1").is_err());
    }
}
