//! The messages that are understood, as views of their bytes. Owns the types of message either side may send and the
//! fields that are read of them. Refuses fields that contradict each other; never copies a body.

use super::frame::{Error, Fields};

/// Defines the message types of one direction by their type bytes.
macro_rules! kinds {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $byte:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// The type that this byte stands for.
            pub(super) const fn of(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// What a client sends.
    Frontend {
        /// Binds parameters to a statement.
        Bind = b'B',
        /// Closes a statement or portal.
        Close = b'C',
        /// A piece of a COPY.
        CopyData = b'd',
        /// The end of a COPY.
        CopyDone = b'c',
        /// A COPY given up.
        CopyFail = b'f',
        /// Asks what a statement or portal returns.
        Describe = b'D',
        /// Runs a portal.
        Execute = b'E',
        /// Asks for answers so far.
        Flush = b'H',
        /// Calls a function by its number.
        FunctionCall = b'F',
        /// Prepares a statement.
        Parse = b'P',
        /// An answer to an authentication request.
        Password = b'p',
        /// Runs a string of statements.
        Query = b'Q',
        /// Ends a batch.
        Sync = b'S',
        /// Ends the session.
        Terminate = b'X',
    }
}

kinds! {
    /// What a target sends.
    Backend {
        /// An authentication request, or its success.
        Authentication = b'R',
        /// The key for cancelling.
        KeyData = b'K',
        /// A portal was bound.
        BindComplete = b'2',
        /// A statement or portal was closed.
        CloseComplete = b'3',
        /// A statement was run to its end.
        CommandComplete = b'C',
        /// A COPY in both directions begins (replication).
        CopyBoth = b'W',
        /// A piece of a COPY.
        CopyData = b'd',
        /// The end of a COPY.
        CopyDone = b'c',
        /// A COPY from the client begins.
        CopyIn = b'G',
        /// A COPY to the client begins.
        CopyOut = b'H',
        /// A row.
        DataRow = b'D',
        /// There was no statement in the string.
        EmptyQuery = b'I',
        /// What was asked for failed.
        Error = b'E',
        /// A function's result.
        FunctionResult = b'V',
        /// Another protocol version is offered.
        NegotiateVersion = b'v',
        /// A statement returns no rows.
        NoData = b'n',
        /// A warning or a note.
        Notice = b'N',
        /// Another session's NOTIFY.
        Notification = b'A',
        /// A statement's parameters.
        ParameterDescription = b't',
        /// A setting's value.
        ParameterStatus = b'S',
        /// A statement was prepared.
        ParseComplete = b'1',
        /// A portal has more rows.
        PortalSuspended = b's',
        /// The target waits for the next request.
        Ready = b'Z',
        /// The columns of rows to come.
        RowDescription = b'T',
    }
}

/// A statement to be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parse<'a> {
    pub(super) name: &'a [u8],
    pub(super) text: &'a [u8],
}

/// A portal to be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) portal: &'a [u8],
    pub(super) statement: &'a [u8],
    /// Formats and values of the parameters as they came; empty if there are none.
    pub(super) parameters: &'a [u8],
}

/// What Describe and Close are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

/// The text of a Query.
pub(super) fn query(body: &[u8]) -> Result<&[u8], Error> {
    let mut fields = Fields::new(b'Q', body);
    let text = fields.string()?;
    fields.end()?;
    Ok(text)
}

/// The fields of a Parse.
pub(super) fn parse(body: &[u8]) -> Result<Parse<'_>, Error> {
    let mut fields = Fields::new(b'P', body);
    let (name, text) = (fields.string()?, fields.string()?);
    let types = usize::from(fields.u16()?);
    fields.take(types * 4)?;
    fields.end()?;
    Ok(Parse { name, text })
}

/// The fields of a Bind.
pub(super) fn bind(body: &[u8]) -> Result<Bind<'_>, Error> {
    let mut fields = Fields::new(b'B', body);
    let (portal, statement) = (fields.string()?, fields.string()?);
    let mut parameters = fields.clone();
    let formats = usize::from(fields.u16()?);
    fields.take(formats * 2)?;
    let count = fields.u16()?;
    for _ in 0..count {
        if let Some(length) = fields.length()? {
            fields.take(length)?;
        }
    }
    let length = parameters.left() - fields.left();
    let parameters = if count == 0 { &[] } else { parameters.take(length)? };
    let results = usize::from(fields.u16()?);
    fields.take(results * 2)?;
    fields.end()?;
    Ok(Bind { portal, statement, parameters })
}

/// The portal of an Execute.
pub(super) fn execute(body: &[u8]) -> Result<&[u8], Error> {
    let mut fields = Fields::new(b'E', body);
    let portal = fields.string()?;
    fields.u32()?;
    fields.end()?;
    Ok(portal)
}

/// What a Describe or Close (`kind`) is about.
pub(super) fn named(kind: u8, body: &[u8]) -> Result<Named<'_>, Error> {
    let mut fields = Fields::new(kind, body);
    let which = fields.u8()?;
    let name = fields.string()?;
    fields.end()?;
    match which {
        b'S' => Ok(Named::Statement(name)),
        b'P' => Ok(Named::Portal(name)),
        _ => Err(Error::Malformed { kind: kind.into() }),
    }
}

/// The function that a FunctionCall calls.
pub(super) fn function(body: &[u8]) -> Result<u32, Error> {
    Fields::new(b'F', body).u32()
}

/// What an ErrorResponse or NoticeResponse says, without the fields nobody here needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    pub(super) severity: String,
    /// SQLSTATE.
    pub(super) code: String,
    /// In words.
    pub(super) message: String,
}

impl Report {
    /// Whether the target ends the session with it.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }
}

/// The fields of an ErrorResponse (`kind` E) or NoticeResponse.
pub(super) fn report(kind: u8, body: &[u8]) -> Result<Report, Error> {
    let mut fields = Fields::new(kind, body);
    let mut report = Report::default();
    loop {
        let field = fields.u8()?;
        if field == 0 {
            break;
        }
        let value = fields.string()?;
        let place = match field {
            b'S' if report.severity.is_empty() => &mut report.severity,
            b'V' => &mut report.severity,
            b'C' => &mut report.code,
            b'M' => &mut report.message,
            _ => continue,
        };
        *place = String::from_utf8_lossy(value).into_owned();
    }
    fields.end()?;
    Ok(report)
}

/// The tag of a CommandComplete, such as `SELECT 5`.
pub(super) fn tag(body: &[u8]) -> Result<&str, Error> {
    let mut fields = Fields::new(b'C', body);
    let tag = fields.text()?;
    fields.end()?;
    Ok(tag)
}

/// The rows that a tag speaks of, if it speaks of any.
pub(super) fn tag_rows(tag: &str) -> Option<u64> {
    tag.rsplit(' ').next().and_then(|count| count.parse().ok())
}

/// A setting and its value.
pub(super) fn parameter(body: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let mut fields = Fields::new(b'S', body);
    let pair = (fields.string()?, fields.string()?);
    fields.end()?;
    Ok(pair)
}

/// Whether the target stands in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    /// In none.
    Idle,
    /// In one.
    Open,
    /// In one that failed.
    Failed,
}

/// What a ReadyForQuery says.
pub(super) fn ready(body: &[u8]) -> Result<Transaction, Error> {
    match body {
        b"I" => Ok(Transaction::Idle),
        b"T" => Ok(Transaction::Open),
        b"E" => Ok(Transaction::Failed),
        _ => Err(Error::Malformed { kind: 'Z' }),
    }
}
