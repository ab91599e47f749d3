//! Which programs a command line starts, as far as its text tells: behind `sudo`, `env` and their like, after `&&` and
//! pipes, in `sh -c`, `eval`, `find -exec` and substitutions. It errs towards seeing too much (the lines of a
//! here-document count as commands); what a variable or a script holds it cannot see, and a policy that must be sure
//! allows known programs rather than forbids bad ones.

use super::lexer::{Token, split};

/// The most programs named of one command line.
const MAX_PROGRAMS: usize = 64;
/// How deep command lines are looked for in command lines.
const MAX_DEPTH: usize = 8;

/// The programs started, in order, each once: by its file name, and by its path too if one was written.
pub(super) fn programs(line: &str) -> Vec<String> {
    found(line).names
}

/// Why the programs of a line cannot all be told, if they cannot: what hides them from here would hide them from
/// policy, so such a line is not let through.
pub(super) fn opaque(line: &str) -> Option<&'static str> {
    let nests_case =
        (line.contains("$(") || line.contains('`')) && line.split_whitespace().any(|word| word.ends_with("case"));
    if line.contains('\r') {
        Some("it holds a carriage return")
    } else if line.contains("$'") {
        Some("it holds a $'…' string; use plain quotes")
    } else if line.contains("<<") {
        Some("it holds a here-document; send the text on standard input")
    } else if nests_case {
        Some("it holds a case within a command substitution")
    } else if found(line).overflow {
        Some("it names too many programs, or nests them too deep")
    } else {
        None
    }
}

fn found(line: &str) -> Found {
    let mut found = Found { names: Vec::new(), overflow: false };
    found.walk(line, 0);
    found
}

/// A program that starts the program its arguments name.
struct Wrapper {
    name: &'static str,
    /// Options whose value is the next word.
    valued: &'static [&'static str],
    /// Words of its own that come before the program.
    operands: usize,
}

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        name: "sudo",
        valued: &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U", "-T", "-D", "-R", "--user", "--group", "--host"],
        operands: 0,
    },
    Wrapper { name: "doas", valued: &["-u", "-C"], operands: 0 },
    Wrapper { name: "env", valued: &["-u", "-C", "--unset", "--chdir"], operands: 0 },
    Wrapper { name: "nohup", valued: &[], operands: 0 },
    Wrapper { name: "trap", valued: &[], operands: 0 },
    Wrapper { name: ".", valued: &[], operands: 0 },
    Wrapper { name: "source", valued: &[], operands: 0 },
    Wrapper { name: "nice", valued: &["-n", "--adjustment"], operands: 0 },
    Wrapper { name: "ionice", valued: &["-c", "-n"], operands: 0 },
    Wrapper { name: "timeout", valued: &["-s", "-k", "--signal", "--kill-after"], operands: 1 },
    Wrapper { name: "time", valued: &["-f", "-o"], operands: 0 },
    Wrapper { name: "exec", valued: &["-a"], operands: 0 },
    Wrapper { name: "command", valued: &[], operands: 0 },
    Wrapper { name: "builtin", valued: &[], operands: 0 },
    Wrapper { name: "busybox", valued: &[], operands: 0 },
    Wrapper { name: "setsid", valued: &[], operands: 0 },
    Wrapper { name: "stdbuf", valued: &["-i", "-o", "-e"], operands: 0 },
    Wrapper { name: "xargs", valued: &["-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"], operands: 0 },
    Wrapper { name: "chroot", valued: &[], operands: 1 },
    Wrapper { name: "flock", valued: &["-w", "-E"], operands: 1 },
    Wrapper { name: "nsenter", valued: &["-t", "--target"], operands: 0 },
    Wrapper { name: "unshare", valued: &[], operands: 0 },
    Wrapper { name: "strace", valued: &["-e", "-o", "-p", "-s"], operands: 0 },
    Wrapper { name: "watch", valued: &["-n", "--interval"], operands: 0 },
];

/// Run the string that follows `-c`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "su", "runuser", "flock", "fish"];
/// A command follows.
const KEYWORDS: &[&str] =
    &["if", "then", "elif", "else", "while", "until", "do", "!", "{", "}", "fi", "done", "esac", "coproc"];
/// Words follow, up to the next separator.
const CLAUSES: &[&str] = &["for", "select", "case", "function", "[[", "in"];

enum Expect {
    Program,
    /// Arguments of the program of this name.
    Arguments(String),
    /// The program that a wrapper starts, after the wrapper's own words.
    Wrapped {
        wrapper: &'static Wrapper,
        operands: usize,
        value: bool,
    },
    /// The string a shell runs.
    Script,
    /// Anything, up to the next separator.
    Words,
}

struct Found {
    names: Vec<String>,
    overflow: bool,
}

impl Found {
    fn walk(&mut self, text: &str, depth: usize) {
        if depth >= MAX_DEPTH {
            self.overflow = true;
            return;
        }
        let line = split(text);
        let mut nested = line.nested;
        let mut expect = Expect::Program;
        let mut skip = false;
        let mut eval: Option<String> = None;
        for token in line.tokens {
            let (word, quoted) = match token {
                Token::Separator => {
                    expect = Expect::Program;
                    skip = false;
                    nested.extend(eval.take());
                    continue;
                }
                Token::Redirection => {
                    skip = true;
                    continue;
                }
                Token::Word { text, quoted } => (text, quoted),
            };
            if std::mem::take(&mut skip) {
                continue;
            }
            if let Some(eval) = &mut eval {
                eval.push(' ');
                eval.push_str(&word);
                continue;
            }
            expect = self.word(expect, word, quoted, &mut nested);
            if matches!(&expect, Expect::Arguments(name) if name == "eval") {
                eval = Some(String::new());
            }
        }
        nested.extend(eval);
        for inner in nested {
            self.walk(&inner, depth + 1);
        }
    }

    fn word(&mut self, expect: Expect, word: String, quoted: bool, nested: &mut Vec<String>) -> Expect {
        match expect {
            Expect::Program if !quoted && KEYWORDS.contains(&word.as_str()) => Expect::Program,
            Expect::Program if !quoted && CLAUSES.contains(&word.as_str()) => Expect::Words,
            Expect::Program if is_assignment(&word) => Expect::Program,
            Expect::Program => self.program(&word),
            Expect::Arguments(name) => arguments(name, &word, nested),
            Expect::Wrapped { wrapper, operands, value: true } => Expect::Wrapped { wrapper, operands, value: false },
            Expect::Wrapped { wrapper, .. } if wrapper.name == "flock" && word == "-c" => Expect::Script,
            Expect::Wrapped { wrapper, operands, .. } if word.starts_with('-') && word != "-" => {
                let value = wrapper.valued.contains(&word.as_str());
                Expect::Wrapped { wrapper, operands, value }
            }
            Expect::Wrapped { wrapper, operands: 0, .. } if is_assignment(&word) => {
                Expect::Wrapped { wrapper, operands: 0, value: false }
            }
            Expect::Wrapped { operands: 0, .. } => self.program(&word),
            Expect::Wrapped { wrapper, operands, .. } => {
                Expect::Wrapped { wrapper, operands: operands - 1, value: false }
            }
            Expect::Script => {
                nested.push(word);
                Expect::Words
            }
            Expect::Words => Expect::Words,
        }
    }

    fn program(&mut self, word: &str) -> Expect {
        let name = word.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(word);
        self.name(name);
        if name != word {
            self.name(word);
        }
        match WRAPPERS.iter().find(|wrapper| wrapper.name == name) {
            Some(wrapper) => Expect::Wrapped { wrapper, operands: wrapper.operands, value: false },
            None => Expect::Arguments(name.to_owned()),
        }
    }

    fn name(&mut self, name: &str) {
        if name.is_empty() || self.names.iter().any(|known| known == name) {
            return;
        }
        if self.names.len() < MAX_PROGRAMS {
            self.names.push(name.to_owned());
        } else {
            self.overflow = true;
        }
    }
}

fn arguments(name: String, word: &str, nested: &mut Vec<String>) -> Expect {
    if SHELLS.contains(&name.as_str()) {
        if let Some(script) = word.strip_prefix("--command=") {
            nested.push(script.to_owned());
        } else if word == "--command" || is_cluster_with_c(word) {
            return Expect::Script;
        }
    }
    if name == "find" && matches!(word, "-exec" | "-execdir" | "-ok" | "-okdir") {
        return Expect::Program;
    }
    Expect::Arguments(name)
}

/// `-c`, `-lc`, `-ec`: a shell's short options, `c` among them.
fn is_cluster_with_c(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|options| !options.starts_with('-') && options.contains('c'))
}

/// `NAME=..` before a program.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        assert_eq!(programs(line), expected, "{line}");
    }

    #[test]
    fn every_program_of_a_line_is_named() {
        check("uptime", &["uptime"]);
        check("/usr/bin/rm -rf /", &["rm", "/usr/bin/rm"]);
        check("cat a | grep b && rm c || echo d; ls & wait", &["cat", "grep", "rm", "echo", "ls", "wait"]);
        check("ls; ls; ls", &["ls"]);
        check("A=1 B='x y' make all", &["make"]);
        check("cat <in >out 2>err", &["cat"]);
        check(">out cat", &["cat"]);
        check("(cd /tmp && tar xf -)", &["cd", "tar"]);
        check("echo rm", &["echo"]);
        check("r''m x", &["rm"]);
        check("", &[]);
        check("   ", &[]);
    }

    #[test]
    fn a_wrapper_does_not_hide_what_it_starts() {
        check("sudo rm x", &["sudo", "rm"]);
        check("sudo -u root -E -- /bin/rm x", &["sudo", "rm", "/bin/rm"]);
        check("sudo --user=root rm", &["sudo", "rm"]);
        check("env -i PATH=/bin A=b nice -n 5 dd if=a", &["env", "nice", "dd"]);
        check("timeout -s KILL 5 nc -l", &["timeout", "nc"]);
        check("nohup setsid stdbuf -o L tail -f x", &["nohup", "setsid", "stdbuf", "tail"]);
        check("find . | xargs -n 1 -P 4 rm", &["find", "xargs", "rm"]);
        check("chroot /mnt passwd", &["chroot", "passwd"]);
        check("exec -a x nc", &["exec", "nc"]);
        check("flock /tmp/l -c 'rm x'", &["flock", "rm"]);
    }

    #[test]
    fn what_hides_programs_is_not_let_through() {
        let deep = format!("{}rm{}", "echo $(".repeat(MAX_DEPTH + 1), ")".repeat(MAX_DEPTH + 1));
        let many: String = (0..=MAX_PROGRAMS).map(|number| format!("p{number};")).collect();
        for line in [
            deep.as_str(),
            many.as_str(),
            "true x\r#; rm",
            "echo $'\\''; rm; echo ''",
            "cat <<E\n$(rm)\nE",
            "echo $(case x in x) rm;; esac)",
        ] {
            assert!(opaque(line).is_some(), "{line}");
        }
        for line in ["echo $((1 + 2))", "ls | wc -l", "case $1 in a) ls;; esac", "sh -c 'echo $(id)'"] {
            assert_eq!(opaque(line), None, "{line}");
        }
        check("echo $((rm) )", &["echo", "rm"]);
        check("trap rm EXIT", &["trap", "rm"]);
    }

    #[test]
    fn a_string_that_is_run_is_looked_into() {
        check("sh -c 'curl a | bash'", &["sh", "curl", "bash"]);
        check("bash -lc \"rm x\"", &["bash", "rm"]);
        check("sudo bash -c 'su -c \"rm x\" bob'", &["sudo", "bash", "su", "rm"]);
        check("eval rm x", &["eval", "rm"]);
        check("eval 'rm' x; ls", &["eval", "ls", "rm"]);
        check("echo $(cat /etc/passwd) `id`", &["echo", "cat", "id"]);
        check("X=$(id) ls", &["ls", "id"]);
        check("find . -name a -exec rm {} ;", &["find", "rm"]);
        check("diff <(sort a) <(sort b)", &["diff", "sort"]);
        check("ssh host rm", &["ssh"]);
    }

    #[test]
    fn keywords_are_not_programs() {
        check("if test -f a; then rm a; else touch a; fi", &["test", "rm", "touch"]);
        check("for f in a b; do rm $f; done", &["rm"]);
        check("while ! nc -z h 1; do sleep 1; done", &["nc", "sleep"]);
        check("case $x in a) ls;; esac", &["ls"]);
        check("{ ls; }", &["ls"]);
        check("'if' x", &["if"]);
        check("$CMD x", &["$CMD"]);
    }

    #[test]
    fn hostile_lines_are_bounded() {
        let nested = "$(".repeat(10_000) + "id";
        assert!(programs(&nested).len() <= MAX_PROGRAMS);
        assert!(programs(&"$((".repeat(10_000)).len() <= MAX_PROGRAMS);
        let many: String = (0..1000).map(|n| format!("p{n};")).collect();
        assert_eq!(programs(&many).len(), MAX_PROGRAMS);
        check("'", &[]);
        check("((((((((", &[]);
    }
}
