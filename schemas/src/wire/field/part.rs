//! Messages within messages that are read when they are asked for.

use super::{Field, Form, Input, Message, Result, put_bytes};
use std::marker::PhantomData;

/// A message within another one that is read only when it is asked for, since whoever reads many records may have read
/// the same bytes before; and whoever writes many may have written them.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Part<'a, M> {
    pieces: Pieces<'a>,
    reads: PhantomData<fn() -> M>,
}

/// Where it lies.
#[derive(Debug, Clone, PartialEq)]
enum Pieces<'a> {
    None,
    One(Input<'a>),
    /// They are merged.
    More(Vec<Input<'a>>),
}

impl<M> Default for Part<'_, M> {
    fn default() -> Self {
        Self { pieces: Pieces::None, reads: PhantomData }
    }
}

impl<'a, M: Message<'a>> Part<'a, M> {
    /// One that is written already.
    pub(in super::super) fn of(bytes: &'a [u8]) -> Self {
        Self { pieces: Pieces::One(Input::new(bytes)), reads: PhantomData }
    }

    /// Its bytes, if they lie in one place.
    pub(in super::super) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Pieces::One(input) = &self.pieces { Some(input.bytes) } else { None }
    }

    /// Reads it; nothing if it is not there.
    pub(in super::super) fn read(&self) -> Result<Option<M>> {
        let mut message = None::<M>;
        self.each().iter().try_for_each(|piece| message.get_or_insert_default().accept_all(*piece))?;
        Ok(message)
    }

    fn each(&self) -> &[Input<'a>] {
        match &self.pieces {
            Pieces::None => &[],
            Pieces::One(piece) => std::slice::from_ref(piece),
            Pieces::More(pieces) => pieces,
        }
    }
}

impl<'a, M: Message<'a>> Field<'a> for Part<'a, M> {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        let piece = input.message(form)?;
        self.pieces = match std::mem::replace(&mut self.pieces, Pieces::None) {
            Pieces::None => Pieces::One(piece),
            Pieces::One(first) => Pieces::More(vec![first, piece]),
            Pieces::More(mut pieces) => {
                pieces.push(piece);
                Pieces::More(pieces)
            }
        };
        Ok(())
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        self.each().iter().for_each(|piece| put_bytes(number, piece.bytes, out));
    }
}
