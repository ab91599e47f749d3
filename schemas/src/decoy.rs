//! The use of a decoy: a value that only a masked response can have taught, presented somewhere. The decoy itself is
//! never kept, only what it stands for.

use crate::named;
use serde::{Deserialize, Serialize};

named! {
    /// Where a decoy was presented.
    DecoyPlace {
        /// As a password or token.
        Password = "password",
        /// As a user's name.
        User = "user",
        /// In a header of a request.
        Header = "header",
        /// As the host that was dialled.
        Host = "host",
        /// As where to go on from there: a forward, a host in a command, a database, a request's path or query.
        Destination = "destination",
        /// In a command line.
        Command = "command",
        /// In a statement or its parameters.
        Statement = "statement",
    }
}

/// One decoy presented. Whoever presents it has it from the session that it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DecoyUse {
    /// The session that the decoy was planted in.
    pub session: String,
    /// The field it stood in, such as `public.users.password` or `data.*.token`; `#` and eight hexadecimal digits if
    /// its name is not configured where the decoy was recognised.
    pub field: String,
    /// The target that the field belongs to, by the inventory's name; the same if that is not known.
    pub target: String,
    /// Where it was presented.
    pub place: DecoyPlace,
}
