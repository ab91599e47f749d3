//! Protobuf fields that borrow from the bytes they are read from, and their bytes again. It reads and writes as the
//! generated code of `prost` does, byte for byte and refusal for refusal (a property test holds it to that): the last
//! of several scalars counts, messages are merged, lists go on, what is not known is passed over.

mod part;

pub(super) use part::Part;

use crate::list::List;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it ends within a field")]
    Short,
    #[error("a number is longer than 64 bits")]
    Number,
    #[error("a field's key is invalid")]
    Key,
    #[error("a field has another type than its own")]
    Type,
    #[error("groups are nested too deeply, or one ends that has not begun")]
    Group,
    #[error("a text is not UTF-8")]
    Text,
}

type Result<T> = std::result::Result<T, Fault>;

/// How a field lies in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Number,
    Eight,
    Bytes,
    Group,
    End,
    Four,
}

/// How deep messages, and groups that nobody knows, may be nested.
const DEPTH: u32 = 100;

/// What is left to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    depth: u32,
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, depth: DEPTH }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A message within this one.
    pub(super) fn message(&mut self, form: Form) -> Result<Self> {
        expect(form, Form::Bytes)?;
        Ok(Self { bytes: self.bytes()?, depth: self.depth.saturating_sub(1) })
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        match self.bytes {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.bytes = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64> {
        let mut value = 0;
        for (at, byte) in (0_u32..10).zip(self.bytes) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                // Of the tenth byte one bit is left.
                if at == 9 && *byte > 1 {
                    return Err(Fault::Number);
                }
                self.take(at as usize + 1)?;
                return Ok(value);
            }
        }
        Err(if self.bytes.len() < 10 { Fault::Short } else { Fault::Number })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Fault::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.number()?).map_err(|_| Fault::Short)?;
        self.take(length)
    }

    /// The next field's number and form.
    pub(super) fn key(&mut self) -> Result<(u32, Form)> {
        let key = u32::try_from(self.number()?).map_err(|_| Fault::Key)?;
        let form = match key & 7 {
            0 => Form::Number,
            1 => Form::Eight,
            2 => Form::Bytes,
            3 => Form::Group,
            4 => Form::End,
            5 => Form::Four,
            _ => return Err(Fault::Key),
        };
        if key >> 3 == 0 { Err(Fault::Key) } else { Ok((key >> 3, form)) }
    }

    /// Passes over a field that is not known.
    pub(super) fn skip(&mut self, number: u32, form: Form) -> Result<()> {
        self.skip_within(number, form, self.depth)
    }

    fn skip_within(&mut self, number: u32, form: Form, depth: u32) -> Result<()> {
        if depth == 0 {
            return Err(Fault::Group);
        }
        match form {
            Form::Number => self.number().map(|_| ()),
            Form::Eight => self.take(8).map(|_| ()),
            Form::Four => self.take(4).map(|_| ()),
            Form::Bytes => self.bytes().map(|_| ()),
            Form::End => Err(Fault::Group),
            Form::Group => loop {
                match self.key()? {
                    (end, Form::End) if end == number => return Ok(()),
                    (_, Form::End) => return Err(Fault::Group),
                    (inner, form) => self.skip_within(inner, form, depth - 1)?,
                }
            },
        }
    }
}

/// One field of a message. What is default is not written.
pub(super) trait Field<'a>: Default {
    /// Reads it once more.
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()>;
    fn write(&self, number: u32, out: &mut Vec<u8>);
}

/// A message: fields by number. [`message!`] writes this from a description.
pub(super) trait Message<'a>: Default {
    fn accept_field(&mut self, number: u32, form: Form, input: &mut Input<'a>) -> Result<()>;
    fn write(&self, out: &mut Vec<u8>);

    fn accept_all(&mut self, mut input: Input<'a>) -> Result<()> {
        while !input.is_empty() {
            let (number, form) = input.key()?;
            self.accept_field(number, form, &mut input)?;
        }
        Ok(())
    }
}

fn expect(form: Form, wanted: Form) -> Result<()> {
    if form == wanted { Ok(()) } else { Err(Fault::Type) }
}

const fn number_size(value: u64) -> usize {
    // Seven bits a byte, and one byte for nothing.
    ((value | 1).ilog2() / 7 + 1) as usize
}

#[inline]
pub(super) fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits of it are meant")]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is below 128")]
    out.push(value as u8);
}

#[inline]
pub(super) fn put_key(number: u32, form: Form, out: &mut Vec<u8>) {
    put_number(u64::from(number) << 3 | form as u64, out);
}

macro_rules! numbers {
    ($($kind:ty),+) => { $(
        impl<'a> Field<'a> for $kind {
            fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
                expect(form, Form::Number)?;
                // Higher bits are cut off, as protobuf has it; so a number may change its type.
                *self = input.number()? as Self;
                Ok(())
            }

            fn write(&self, number: u32, out: &mut Vec<u8>) {
                if *self != 0 {
                    put_key(number, Form::Number, out);
                    put_number(*self as u64, out);
                }
            }
        }
    )+ };
}

numbers!(u32, i32, u64, i64);

impl<'a> Field<'a> for &'a [u8] {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        expect(form, Form::Bytes)?;
        *self = input.bytes()?;
        Ok(())
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_bytes(number, self, out);
        }
    }
}

#[inline]
fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(number, Form::Bytes, out);
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn read_text<'a>(form: Form, input: &mut Input<'a>) -> Result<&'a str> {
    expect(form, Form::Bytes)?;
    std::str::from_utf8(input.bytes()?).map_err(|_| Fault::Text)
}

impl<'a> Field<'a> for &'a str {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        *self = read_text(form, input)?;
        Ok(())
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        self.as_bytes().write(number, out);
    }
}

impl<'a> Field<'a> for List<&'a str> {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        self.push(read_text(form, input)?);
        Ok(())
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        self.iter().for_each(|text| put_bytes(number, text.as_bytes(), out));
    }
}

impl<'a, M: Message<'a>> Field<'a> for Option<M> {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        self.get_or_insert_default().accept_all(input.message(form)?)
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(message) = self {
            put_message(number, message, out);
        }
    }
}

pub(super) fn put_message<'a>(number: u32, message: &impl Message<'a>, out: &mut Vec<u8>) {
    put_key(number, Form::Bytes, out);
    // How long it is, is known once it is written. Most lengths take one byte; for others the message is moved on, which
    // costs less than to ask each message within it twice.
    out.push(0);
    let begin = out.len();
    message.write(out);
    let length = out.len() - begin;
    let digits = number_size(length as u64);
    if digits > 1 {
        out.resize(out.len() + digits - 1, 0);
        out.copy_within(begin..begin + length, begin + digits - 1);
    }
    for (digit, byte) in (1..=digits).zip(out.iter_mut().skip(begin - 1)) {
        let more = if digit < digits { 0x80 } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "seven bits of it are meant")]
        let seven = (length >> (7 * (digit - 1))) as u8 & 0x7f;
        *byte = seven | more;
    }
}

impl<'a, M: Message<'a>, const N: usize> Field<'a> for List<M, N> {
    fn accept(&mut self, form: Form, input: &mut Input<'a>) -> Result<()> {
        let mut message = M::default();
        message.accept_all(input.message(form)?)?;
        self.push(message);
        Ok(())
    }

    fn write(&self, number: u32, out: &mut Vec<u8>) {
        self.iter().for_each(|message| put_message(number, message, out));
    }
}

/// Describes messages: `number name: type`, in the order of their numbers; after a semicolon a `oneof`, of which the last
/// one on the wire counts.
macro_rules! message {
    ($($name:ident {
        $($number:literal $field:ident: $kind:ty),*
        $(; $choice:ident: $variants:ident { $($tag:literal $variant:ident),+ })?
    })+) => { $(
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $kind,)*
            $(pub(super) $choice: Option<$variants<'a>>,)?
            pub(super) borrows: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> Message<'a> for $name<'a> {
            #[inline]
            fn accept_field(&mut self, number: u32, form: Form, input: &mut Input<'a>) -> Result<(), Fault> {
                match number {
                    $($number => self.$field.accept(form, input),)*
                    $($($tag => {
                        let inner = input.message(form)?;
                        if !matches!(self.$choice, Some($variants::$variant(_))) {
                            self.$choice = Some($variants::$variant($variant::default()));
                        }
                        match &mut self.$choice {
                            Some($variants::$variant(message)) => message.accept_all(inner),
                            _ => Ok(()),
                        }
                    })+)?
                    _ => input.skip(number, form),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write($number, out);)*
                $(match &self.$choice {
                    None => {}
                    $(Some($variants::$variant(message)) => put_message($tag, message, out),)+
                })?
                let _all_written = out;
            }
        }

        $(
            #[derive(Debug, Clone, PartialEq)]
            #[expect(clippy::large_enum_variant, reason = "nearly all are of the largest; boxing would cost each one")]
            pub(super) enum $variants<'a> { $($variant($variant<'a>)),+ }
        )?
    )+ };
}
pub(super) use message;
