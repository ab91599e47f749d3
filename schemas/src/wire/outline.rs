//! What decides where a record belongs, read without the rest: whoever sorts records reads each whole only once it stands
//! among its like (see [`super::Memo`]). Wherever the whole can be read, this is what it says.

use super::field::{Fault, Field as _, Input};
use super::{Opened, Result, read_stamp};
use crate::borrowed::StampRef;
use crate::{Message, Time, Topic, wire};

/// A record's outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'a> {
    /// Absent on what no proxy wrote.
    pub stamp: Option<StampRef<'a>>,
    /// What it says, as far as it was read.
    pub about: About<'a>,
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every message is an event")]
pub enum About<'a> {
    /// An event, which may turn out to be none when it is read whole.
    Event {
        /// When it happened.
        time: Time,
        /// The id of whoever stands at the start of the delegation chain.
        root: &'a str,
        /// Whether it is a fact of its session's life: opened, refused, closed.
        is_of_session: bool,
        /// Whether a response taught the identity something.
        discloses: bool,
    },
    /// Anything else, whole: others are too few to matter.
    Other(Message),
}

impl<'a> Outline<'a> {
    /// Reads the outline of one record's value.
    ///
    /// # Errors
    /// As [`crate::Envelope::decode`], but for what is wrong within an event.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let accept = |event: &mut Option<Event<'a>>, form, input: &mut Input<'a>| {
            event.get_or_insert_default().accept(input.message(form)?)
        };
        let Opened { version, stamp, event, has_others } = Opened::read(bytes, accept, |_| Ok(()))?;
        let about = match event {
            Some(event) => event.about(),
            None if has_others => match wire::decode(bytes, &mut wire::Memo::default())?.message {
                crate::MessageRef::Other(message) => About::Other(message),
                // Never: the last body is another one.
                crate::MessageRef::Event(_) => return Err(wire::Error::Missing("body")),
            },
            None => return Err(wire::Error::Missing("body")),
        };
        wire::known(version)?;
        Ok(Self { stamp: stamp.map(read_stamp).transpose()?, about })
    }

    /// The topic it belongs on.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        match &self.about {
            About::Event { .. } => Topic::Events,
            About::Other(message) => message.topic(),
        }
    }
}

/// Fields of an event, as far as they are looked at.
#[derive(Default)]
struct Event<'a> {
    time: i64,
    root: Option<&'a str>,
    kind: u32,
    discloses: bool,
}

/// Numbers of an event's fields, of those of an identity and of a principal.
const TIME: u32 = 2;
const IDENTITY: u32 = 4;
const DISCLOSURE: u32 = 8;
const KINDS: std::ops::RangeInclusive<u32> = 20..=24;
const CLOSED: u32 = 22;
const LINK: u32 = 2;
const ID: u32 = 1;

impl<'a> Event<'a> {
    fn accept(&mut self, mut input: Input<'a>) -> std::result::Result<(), Fault> {
        while !input.is_empty() {
            match input.key()? {
                (TIME, form) => self.time.accept(form, &mut input)?,
                (IDENTITY, form) => self.identity(input.message(form)?)?,
                (number, form) => {
                    self.discloses |= number == DISCLOSURE;
                    self.kind = if KINDS.contains(&number) { number } else { self.kind };
                    input.skip(number, form)?;
                }
            }
        }
        Ok(())
    }

    fn identity(&mut self, mut input: Input<'a>) -> std::result::Result<(), Fault> {
        while !input.is_empty() {
            match input.key()? {
                (LINK, form) if self.root.is_none() => self.root = Some(id(input.message(form)?)?),
                (number, form) => input.skip(number, form)?,
            }
        }
        Ok(())
    }

    fn about(self) -> About<'a> {
        About::Event {
            time: Time(self.time),
            root: self.root.unwrap_or_default(),
            is_of_session: KINDS.contains(&self.kind) && self.kind <= CLOSED,
            discloses: self.discloses,
        }
    }
}

fn id<'a>(mut input: Input<'a>) -> std::result::Result<&'a str, Fault> {
    let mut id = "";
    while !input.is_empty() {
        match input.key()? {
            (ID, form) => id.accept(form, &mut input)?,
            (number, form) => input.skip(number, form)?,
        }
    }
    Ok(id)
}
