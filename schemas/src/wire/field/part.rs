//! Messages within messages that are read when they are asked for.

use super::{Field, Form, Input, Message, Result, filled_size, message_size, put_bytes, put_message};

/// A message within another one that is read only when it is asked for, since whoever reads many records may have read
/// the same bytes before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) enum Part<'a, M> {
    #[default]
    Absent,
    /// Where it lies.
    Once(Input<'a>),
    /// Where its pieces lie: they are merged.
    Pieces(Vec<Input<'a>>),
    /// What is to be written.
    Whole(Box<M>),
}

impl<'a, M: Message<'a> + Clone> Part<'a, M> {
    pub(in super::super) fn whole(message: M) -> Self {
        Self::Whole(Box::new(message))
    }

    /// Its bytes, if they lie in one place.
    pub(in super::super) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Once(input) = self { Some(input.bytes) } else { None }
    }

    /// Reads it; nothing if it is not there.
    pub(in super::super) fn read(&self) -> Result<Option<M>> {
        let pieces = match self {
            Self::Absent => return Ok(None),
            Self::Whole(message) => return Ok(Some(M::clone(message))),
            Self::Once(input) => std::slice::from_ref(input),
            Self::Pieces(pieces) => pieces,
        };
        let mut message = M::default();
        pieces.iter().try_for_each(|piece| message.accept_all(*piece))?;
        Ok(Some(message))
    }
}

impl<'a, M: Message<'a>> Field<'a> for Part<'a, M> {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        let piece = input.message(form)?;
        *self = match std::mem::take(self) {
            Self::Absent | Self::Whole(_) => Self::Once(piece),
            Self::Once(first) => Self::Pieces(vec![first, piece]),
            Self::Pieces(mut pieces) => {
                pieces.push(piece);
                Self::Pieces(pieces)
            }
        };
        Ok(())
    }

    fn size(&self, number: u32) -> usize {
        match self {
            Self::Absent => 0,
            Self::Whole(message) => message_size(number, &**message),
            Self::Once(piece) => filled_size(number, piece.bytes.len()),
            Self::Pieces(pieces) => pieces.iter().map(|piece| filled_size(number, piece.bytes.len())).sum(),
        }
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Whole(message) => put_message(number, &**message, out),
            Self::Once(piece) => put_bytes(number, piece.bytes, out),
            Self::Pieces(pieces) => pieces.iter().for_each(|piece| put_bytes(number, piece.bytes, out)),
        }
    }
}
