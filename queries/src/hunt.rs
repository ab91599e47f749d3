//! Questions worth asking of any lake. One file each under `hunts/`, beside the result it gives on the test lake; its
//! first comment says what it finds.

/// One hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hunt {
    /// Its name, by which it is asked for.
    pub name: &'static str,
    /// The statement, with its comments.
    pub sql: &'static str,
}

impl Hunt {
    /// What it finds: the comment that opens the file.
    #[must_use]
    pub fn summary(&self) -> String {
        let comments = self.sql.lines().map_while(|line| line.strip_prefix("--"));
        comments.map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

/// Lists the hunts.
macro_rules! hunts {
    ($($name:literal),+ $(,)?) => {
        /// Every hunt.
        pub const ALL: &[Hunt] =
            &[$(Hunt { name: $name, sql: include_str!(concat!("../hunts/", $name, ".sql")) }),+];
    };
}

hunts!["denied", "learned", "new-edges", "pivots"];

/// The hunt of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<&'static Hunt> {
    ALL.iter().find(|hunt| hunt.name == name)
}
