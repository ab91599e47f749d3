//! Where a word begins and ends: `10.0.0.5` does not stand in `10.0.0.55`, nor `db.internal` in `x.db.internal`.
//! Pure; looks at no more than [`LEFT`] bytes before a word and two after it.

/// Bytes before a word that are looked at: a joint after an escape such as `\u003c`.
pub(super) const LEFT: usize = 7;

/// What kind of word it is, which says what would make it a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A host name or alias: labels joined by dots.
    Name,
    /// An account: `app_rw` stands in `app_rw@host` and in `schema.app_rw`.
    Account,
    /// An IPv4 address; it stands in a range `10.0.0.5-10.0.0.9`.
    V4,
    /// An IPv6 address, joined by colons.
    V6,
}

/// Whether a word ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// It does.
    Free,
    /// The word goes on; it is another word.
    Joined,
    /// The next bytes will say.
    Open,
}

impl Shape {
    const fn is_word(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'-' && matches!(self, Self::Name | Self::Account))
    }

    const fn is_joint(self, byte: u8) -> bool {
        match self {
            Self::Name | Self::V4 => byte == b'.',
            Self::V6 => byte == b':' || byte == b'.',
            Self::Account => false,
        }
    }

    /// Whether a word may begin after `before`: all bytes before it, or at least the last [`LEFT`].
    pub(super) fn begins(self, before: &[u8]) -> bool {
        let Some((&last, rest)) = before.split_last() else { return true };
        if self.is_word(last) {
            return ends_escape(before);
        }
        // `://` and `host: addr` are no joints, `a.b` is one.
        !(self.is_joint(last) && rest.last().is_some_and(|&byte| self.is_word(byte)) && !ends_escape(rest))
    }

    /// Whether a word may end before `after`; `end` says that nothing follows `after`.
    pub(super) fn ends(self, after: &[u8], end: bool) -> Edge {
        let open = if end { Edge::Free } else { Edge::Open };
        match after {
            [] => open,
            [byte, ..] if self.is_word(*byte) => Edge::Joined,
            [joint] if self.is_joint(*joint) => open,
            [joint, byte, ..] if self.is_joint(*joint) && self.joins(*joint, *byte) => Edge::Joined,
            _ => Edge::Free,
        }
    }

    const fn joins(self, joint: u8, byte: u8) -> bool {
        match self {
            // `fd00::5::` is no address, but it is not this one either.
            Self::V6 => self.is_word(byte) || (joint == b':' && byte == b':'),
            _ => self.is_word(byte),
        }
    }
}

/// Whether a word character is the last of an escape that stands for something else: `\n`, `\u003c` (JSON), `%2F`
/// (RFC 3986). A configuration file inside a JSON string begins its lines so.
pub(super) fn ends_escape(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()),
        [.., b'%', a, b] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    }
}
