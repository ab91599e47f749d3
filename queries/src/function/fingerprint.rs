//! What statements have in common that differ in their values.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use sha2::{Digest as _, Sha256};

/// What statements that differ in nothing but their values, their case and their spaces have in common.
pub(super) fn fingerprint(sql: &str) -> String {
    let mut hash = Sha256::new();
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else {
        // What is no SQL is like itself alone.
        hash.update(sql);
        return short(hash);
    };
    let mut in_list = false;
    for token in tokens {
        let word = match &token {
            Token::Whitespace(_) | Token::SemiColon => continue,
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_) => "?".to_owned(),
            other => other.to_string(),
        };
        // A list of values is alike, however long.
        if in_list && (word == "," || word == "?") {
            continue;
        }
        in_list = word == "?";
        hash.update(word);
        hash.update([0]);
    }
    short(hash)
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn statements_that_differ_in_values_alone_are_alike() {
        let check = |left: &str, right: &str, alike: bool| {
            assert_eq!(fingerprint(left) == fingerprint(right), alike, "{left} / {right}");
        };
        check("select * from t where a = 1", "SELECT *\n FROM t  where a=$1 ;", true);
        check("select 'x', 2", "select $q$ y $q$, 3.5", true);
        check("select a from t where b in (1, 2, 3)", "select a from t where b in (4)", true);
        check("select a from t", "select b from t", false);
        check("select \"A\" from t", "select \"a\" from t", false);
        check("it's no sql", "it's no sql", true);
        check("it's no sql", "it's other", false);
    }
}
