//! What of a recording is given to a live terminal. Drawing passes; what would act on the reader's machine does not:
//! setting the clipboard or the title, uploading keys, asking the terminal to type an answer, printing, resizing.

/// Where in an escape sequence the text is.
#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// A control sequence so far, without its introducer.
    Control(String),
    /// A string (OSC, DCS, APC, PM, SOS) that is dropped to its end; true after an escape in it.
    Drop(bool),
}

/// Filters text on its way to a terminal; keeps its place between pieces.
#[derive(Debug, Default)]
pub(super) struct Screen {
    state: State,
    alternate: bool,
}

/// The longest control sequence that is kept; longer ones are nonsense.
const LONGEST: usize = 64;

impl Screen {
    /// What leaves the terminal with no attributes, its cursor shown and its main screen, whatever was drawn.
    pub(super) fn restore(&self) -> &'static str {
        if self.alternate {
            "\u{1b}[?1049l\u{1b}[?25h\u{1b}[?7h\u{1b}[0m\r\n"
        } else {
            "\u{1b}[?25h\u{1b}[?7h\u{1b}[0m\r\n"
        }
    }

    /// The part of the text that only draws.
    pub(super) fn pass(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            self.state = match (std::mem::take(&mut self.state), character) {
                // Cancel and substitute end every sequence; an escape begins a new one.
                (_, '\u{18}' | '\u{1a}') => State::Text,
                (State::Drop(_), '\u{7}' | '\u{9c}') => State::Text,
                (State::Drop(true), '\\') => State::Text,
                (State::Drop(_), character) => State::Drop(character == '\u{1b}'),
                (_, '\u{1b}') => State::Escape,
                (_, '\u{9b}') => State::Control(String::new()),
                (_, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::Drop(false),
                (State::Text, character) => {
                    // Enquiry asks for an answer; the other C1 controls have no use.
                    if character != '\u{5}' && !('\u{80}'..='\u{9f}').contains(&character) {
                        out.push(character);
                    }
                    State::Text
                }
                (State::Escape, '[') => State::Control(String::new()),
                (State::Escape, ']' | 'P' | '_' | '^' | 'X') => State::Drop(false),
                // Identify terminal.
                (State::Escape, 'Z') => State::Text,
                (State::Escape, character) => {
                    out.push('\u{1b}');
                    out.push(character);
                    State::Text
                }
                (State::Control(mut sequence), character) => {
                    sequence.push(character);
                    if !('\u{40}'..='\u{7e}').contains(&character) {
                        if sequence.len() < LONGEST { State::Control(sequence) } else { State::Text }
                    } else {
                        if draws(&sequence) {
                            match sequence.as_str() {
                                "?1049h" | "?1047h" | "?47h" => self.alternate = true,
                                "?1049l" | "?1047l" | "?47l" => self.alternate = false,
                                _ => {}
                            }
                            out.push_str("\u{1b}[");
                            out.push_str(&sequence);
                        }
                        State::Text
                    }
                }
            };
        }
        out
    }
}

/// Reports (`n`, `c`, `x`, `y`), window operations (`t`), media copy (`i`), queries of modes (`$p`) and of the version
/// (`>q`), key protocols (`u`, `m` with `>` or `?`) and mouse tracking are no drawing.
fn draws(sequence: &str) -> bool {
    let private = sequence.starts_with(['?', '>', '<', '=']);
    match sequence.chars().last() {
        Some('n' | 'c' | 'x' | 'y' | 't' | 'i') => false,
        Some('p' | 'q' | 'u' | 'w') => !private && !sequence.contains('$') && !sequence.contains('\''),
        Some('m') => !private,
        // Cursor keys, wrapping, cursor, alternate screens, brackets around what is pasted.
        Some('h' | 'l') if private => {
            sequence.trim_end_matches(['h', 'l']).trim_start_matches('?').split(';').all(|mode| {
                matches!(mode, "1" | "3" | "5" | "6" | "7" | "12" | "25" | "47" | "1047" | "1048" | "1049" | "2026")
            })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Screen;

    #[test]
    fn drawing_passes_and_acting_does_not() {
        for (text, expected) in [
            ("plain\r\n\ttext", "plain\r\n\ttext"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}[?1049h\u{1b}[2J\u{1b}[H", "\u{1b}[?1049h\u{1b}[2J\u{1b}[H"),
            ("a\u{1b}]52;c;cm0gLXJm\u{7}b", "ab"),
            ("a\u{1b}]0;title\u{1b}\\b", "ab"),
            ("a\u{1b}P+q544e\u{1b}\\b", "ab"),
            ("a\u{9d}52;c;x\u{9c}b", "ab"),
            ("a\u{1b}[6n\u{1b}[c\u{1b}[>q\u{1b}[21tb", "ab"),
            ("a\u{1b}[?1000h\u{1b}[?2004hb", "ab"),
            ("a\u{9b}6nb\u{9b}1mc", "ab\u{1b}[1mc"),
            ("a\u{5}\u{1b}Zb", "ab"),
            ("a\u{1b}]never ends", "a"),
            ("a\u{1b}\u{1b}]0;x\u{7}b", "ab"),
        ] {
            assert_eq!(Screen::default().pass(text), expected, "{text:?}");
            let mut screen = Screen::default();
            let split: String = text.chars().map(|character| screen.pass(&character.to_string())).collect();
            assert_eq!(split, expected, "{text:?} character by character");
        }
    }
}
