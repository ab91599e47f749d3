//! Text from elsewhere made safe to print on a terminal.

use std::borrow::Cow;

/// The text with everything replaced that a terminal would act on instead of showing: control characters (C0, DEL, C1,
/// and with them every escape sequence), and the marks that reorder or hide text. They become their escaped form, so
/// that a reader sees that they were there.
#[must_use]
pub fn neutral(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if acts(character) => out.extend(character.escape_unicode()),
            character => out.push(character),
        }
    }
    Cow::Owned(out)
}

fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Bidirectional embeddings, overrides and isolates; zero-width and line separators; tags.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::neutral;

    #[test]
    fn nothing_a_terminal_acts_on_is_left() {
        for (text, expected) in [
            ("plain, größer, 日本", "plain, größer, 日本"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{1b}]52;c;aGk=\u{7}", "\\u{1b}]52;c;aGk=\\u{7}"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("\u{7f}\u{0}", "\\u{7f}\\u{0}"),
        ] {
            assert_eq!(neutral(text), expected);
        }
    }
}
