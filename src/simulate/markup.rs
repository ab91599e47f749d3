//! Writes markup. Every text and every attribute goes through here, so that nothing a peer named can become markup, and
//! every element that is opened is closed.

use interdict_queries::neutral;
use std::fmt::{Display, Write as _};

/// Markup as it grows.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// Attributes: names are ours, values are anybody's.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

impl Markup {
    /// An element and what is in it.
    pub(super) fn element(&mut self, name: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    /// An element with a text in it.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &dyn Display) {
        self.element(name, attributes, |markup| markup.text(text));
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.0.push_str("/>\n");
    }

    /// A text.
    pub(super) fn text(&mut self, text: &dyn Display) {
        let text = text.to_string();
        for character in neutral(&text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                character => self.0.push(character),
            }
        }
    }

    /// The style sheet, or what stands before the first element. Only for what stands in this program.
    pub(super) fn ours(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.0, " {key}=\"");
            self.text(*value);
            self.0.push('"');
        }
    }
}
