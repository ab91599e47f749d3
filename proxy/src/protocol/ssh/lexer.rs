//! The words of a POSIX shell command line (POSIX.1-2024, shell command language, section 2.3), without expanding
//! anything. Refuses nothing: an unfinished quote ends with the text, because what is refused here would go unseen.

use std::iter::Peekable;
use std::str::Chars;

/// One piece of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, its quotes taken off and its expansions left as they stand.
    Word {
        /// The word.
        text: String,
        /// Whether any of it was quoted: a quoted `if` is no keyword.
        quoted: bool,
    },
    /// Whatever ends a command: `;`, `&`, `|`, a newline, a parenthesis.
    Separator,
    /// A redirection; the next word names a file.
    Redirection,
}

/// A command line in pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// In order.
    pub(super) tokens: Vec<Token>,
    /// Command lines inside: `$(..)` and backticks.
    pub(super) nested: Vec<String>,
}

/// How deep arithmetic is looked for in arithmetic; a hostile line must not exhaust the stack.
const MAX_ARITHMETIC: usize = 4;

/// Splits a command line.
pub(super) fn split(text: &str) -> Line {
    split_within(text, 0)
}

fn split_within(text: &str, arithmetic: usize) -> Line {
    let rest = text.chars().peekable();
    let mut lexer = Lexer { rest, line: Line::default(), word: String::new(), state: Word::None, arithmetic };
    lexer.run();
    lexer.line
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Plain,
    Quoted,
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: Line,
    word: String,
    state: Word,
    arithmetic: usize,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(next) = self.rest.next() {
            match next {
                ' ' | '\t' | '\r' => self.end(),
                '\n' | ';' | '&' | '|' | '(' | ')' => self.separator(),
                '<' | '>' => self.redirection(),
                '#' if self.state == Word::None => while self.rest.next_if(|&next| next != '\n').is_some() {},
                '\'' => self.single(),
                '"' => self.double(),
                '`' => self.backticks(),
                '$' => self.dollar(),
                '\\' => self.escape(),
                plain => self.push(plain),
            }
        }
        self.end();
    }

    fn push(&mut self, next: char) {
        self.word.push(next);
        if self.state == Word::None {
            self.state = Word::Plain;
        }
    }

    fn end(&mut self) {
        if self.state != Word::None {
            let quoted = self.state == Word::Quoted;
            self.line.tokens.push(Token::Word { text: std::mem::take(&mut self.word), quoted });
            self.state = Word::None;
        }
    }

    fn separator(&mut self) {
        // `&>` is a redirection, and leaves the word before it whole.
        self.end();
        self.line.tokens.push(Token::Separator);
    }

    /// `2>`, `>>`, `>&`, `<<`, `<(`: a descriptor's number before it is part of it; a parenthesis after it starts a
    /// command of its own and is left to be read as such.
    fn redirection(&mut self) {
        if self.state == Word::Plain && self.word.chars().all(|digit| digit.is_ascii_digit()) {
            self.word.clear();
            self.state = Word::None;
        }
        self.end();
        while self.rest.next_if(|next| matches!(next, '<' | '>' | '&' | '|' | '-')).is_some() {}
        self.line.tokens.push(Token::Redirection);
    }

    fn single(&mut self) {
        self.state = Word::Quoted;
        self.word.extend(self.rest.by_ref().take_while(|&next| next != '\''));
    }

    fn double(&mut self) {
        self.state = Word::Quoted;
        while let Some(next) = self.rest.next() {
            match next {
                '"' => return,
                '`' => self.backticks(),
                '$' => self.dollar(),
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(escaped @ ('$' | '`' | '"' | '\\')) => self.word.push(escaped),
                    Some(other) => self.word.extend(['\\', other]),
                },
                plain => self.word.push(plain),
            }
        }
    }

    fn escape(&mut self) {
        match self.rest.next() {
            Some('\n') | None => {}
            Some(next) => {
                self.word.push(next);
                self.state = Word::Quoted;
            }
        }
    }

    fn dollar(&mut self) {
        self.push('$');
        if self.rest.next_if_eq(&'(').is_none() {
            return;
        }
        let body = self.parenthesised();
        self.word.extend(["(", &body, ")"]);
        // `$((` is arithmetic and runs nothing, but for what it nests itself, unless its parentheses do not close
        // together: then a shell takes it for a command that starts with a subshell.
        if !(body.starts_with('(') && body.ends_with(')')) {
            self.line.nested.push(body);
        } else if self.arithmetic < MAX_ARITHMETIC {
            self.line.nested.extend(split_within(&body, self.arithmetic + 1).nested);
        }
    }

    /// What stands before the parenthesis that closes the one just read; quotes hide parentheses.
    fn parenthesised(&mut self) -> String {
        let mut body = String::new();
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(next) = self.rest.next() {
            match (quote, next) {
                (None, '(') => depth += 1,
                (None, ')') if depth == 0 => break,
                (None, ')') => depth -= 1,
                (None, '\'' | '"') => quote = Some(next),
                (Some(open), _) if open == next => quote = None,
                (None | Some('"'), '\\') => {
                    body.push(next);
                    body.extend(self.rest.next());
                    continue;
                }
                _ => {}
            }
            body.push(next);
        }
        body
    }

    fn backticks(&mut self) {
        let mut body = String::new();
        while let Some(next) = self.rest.next() {
            match next {
                '`' => break,
                '\\' => body.extend(self.rest.next()),
                plain => body.push(plain),
            }
        }
        self.push('`');
        self.word.extend([&body, "`"]);
        self.line.nested.push(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` stands for a separator, `>` for a redirection, `'w'` for a quoted word.
    fn check(text: &str, tokens: &str, nested: &[&str]) {
        let line = split(text);
        let shown: Vec<_> = line
            .tokens
            .iter()
            .map(|token| match token {
                Token::Word { text, quoted: false } => text.clone(),
                Token::Word { text, quoted: true } => format!("'{text}'"),
                Token::Separator => "|".into(),
                Token::Redirection => ">".into(),
            })
            .collect();
        assert_eq!(shown.join(" "), tokens, "{text}");
        assert_eq!(line.nested, nested, "{text}");
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        check("ls -l /etc", "ls -l /etc", &[]);
        check("  ls\t-l ", "ls -l", &[]);
        check("a;b&c|d\ne", "a | b | c | d | e", &[]);
        check("(a b)", "| a b |", &[]);
        check("echo 'a b'\"c d\"e", "echo 'a bc de'", &[]);
        check(r#"echo "a\"b\x""#, r#"echo 'a"b\x'"#, &[]);
        check(r"r\m x", "'rm' x", &[]);
        check("r\\\nm", "rm", &[]);
        check("a # b; c\nd", "a | d", &[]);
        check("a#b", "a#b", &[]);
        check("a 2>/dev/null >>b <c", "a > /dev/null > b > c", &[]);
        check("a 2>&1", "a > 1", &[]);
        check("echo ''", "echo ''", &[]);
    }

    #[test]
    fn command_lines_inside_are_found() {
        check("echo $(id -u)", "echo $(id -u)", &["id -u"]);
        check("echo \"`id`\"", "echo '`id`'", &["id"]);
        check("echo $(a $(b))", "echo $(a $(b))", &["a $(b)"]);
        check("echo $(a ')' b)", "echo $(a ')' b)", &["a ')' b"]);
        check("echo $((1 + 2))", "echo $((1 + 2))", &[]);
        check("echo $((1 + $(id)))", "echo $((1 + $(id)))", &["id"]);
        check("echo '$(id)'", "echo '$(id)'", &[]);
        check("$x", "$x", &[]);
    }

    #[test]
    fn what_is_unfinished_is_still_seen() {
        check("rm 'a b", "rm 'a b'", &[]);
        check("rm \"a", "rm 'a'", &[]);
        check("rm $(id", "rm $(id)", &["id"]);
        check("rm \\", "rm", &[]);
        check("", "", &[]);
    }
}
