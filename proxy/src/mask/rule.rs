//! Masking rules: which field of which target never leaves as it is, and what its decoy looks like. Owns their
//! syntax; refuses what could not be masked without a doubt.

use super::decoy::{Form, GLUE, HOST_GLUE};
use super::json;

/// A DNS name's octets, and a label's (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// Bytes of a prefix or suffix.
const MAX_AFFIX: usize = 64;

/// What a decoy looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The characters of its core.
    pub form: Form,
    /// What stands before.
    pub prefix: String,
    /// What stands behind.
    pub suffix: String,
}

/// A field that is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A column of a PostgreSQL table, by its names as the catalogue has them.
    Column {
        /// The table's schema.
        schema: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Views on the table, as `schema.view`, of which somebody has seen that they do not show the column.
        checked_views: Vec<String>,
    },
    /// A member of a JSON answer.
    Json {
        /// Where in the document.
        path: json::Path,
        /// Only answers to requests whose path begins so.
        under: String,
    },
}

/// One rule for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The target's name.
    pub target: String,
    /// Which field.
    pub field: Field,
    /// What is put in its place.
    pub shape: Shape,
}

impl Rule {
    /// The field's name, as events tell it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.field {
            Field::Column { schema, table, column, .. } => format!("{schema}.{table}.{column}"),
            Field::Json { path, .. } => path.to_string(),
        }
    }
}

/// Whether text can be a shape's prefix and suffix; what is wrong, if not.
///
/// # Errors
/// When a decoy of this shape could be invalid where it stands, or go unrecognised.
pub fn shape(form: Form, prefix: &str, suffix: &str) -> Result<Shape, String> {
    let printable = |text: &str| text.len() <= MAX_AFFIX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable(prefix) || !printable(suffix) {
        return Err(format!("prefix and suffix may have {MAX_AFFIX} printable ASCII characters each, and no space"));
    }
    if form == Form::Base32 {
        host(prefix, suffix)?;
    }
    let front = prefix.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    let end = suffix.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if front > 0 && end > 0 {
        return Err("end the prefix or begin the suffix with a character that is no letter or digit, or the decoy would not be recognised".into());
    }
    let most = if form == Form::Base32 { HOST_GLUE } else { GLUE };
    if front > most || end > most {
        return Err(format!(
            "more than {most} letters and digits stand beside the decoy; it would not be recognised"
        ));
    }
    Ok(Shape { form, prefix: prefix.to_owned(), suffix: suffix.to_owned() })
}

fn host(prefix: &str, suffix: &str) -> Result<(), String> {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if prefix.len() > HOST_GLUE || !prefix.bytes().all(valid) || prefix.starts_with('-') {
        return Err(format!(
            "a host's prefix has at most {HOST_GLUE} lower-case letters, digits and hyphens, and begins with none of the last"
        ));
    }
    let labels = || suffix.split('.').skip(1);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL
            && label.bytes().all(valid)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let whole = suffix.is_empty() || (suffix.starts_with('.') && labels().all(label));
    if !whole || prefix.len() + Form::Base32.digits() + suffix.len() > MAX_NAME {
        return Err("a host's suffix is a domain in lower case with a dot in front, such as \".internal\"".into());
    }
    Ok(())
}

/// A name of the catalogue as it may stand in a rule.
///
/// # Errors
/// When it could not be put to the catalogue safely.
pub fn catalogue_name(text: &str) -> Result<&str, String> {
    let plain = |c: char| !c.is_control() && !matches!(c, '\'' | '\\' | '"' | '.');
    if text.is_empty() || text.len() > MAX_LABEL || !text.chars().all(plain) {
        return Err(format!(
            "{text:?} is no name: write it as the catalogue has it, 1 to {MAX_LABEL} bytes without quotes, backslashes and dots"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked() {
        let check = |form, prefix: &str, suffix: &str, valid: bool| {
            assert_eq!(shape(form, prefix, suffix).is_ok(), valid, "{form:?} {prefix:?} {suffix:?}");
        };
        check(Form::Base62, "", "", true);
        check(Form::Base62, "sk_live_", "", true);
        check(Form::Base62, "AKIA", "", true);
        check(Form::Base62, "AKIA", "=", true);
        check(Form::Base62, "AKIA", "x", false);
        check(Form::Base62, &"a".repeat(17), "", false);
        check(Form::Base62, "a b", "", false);
        check(Form::Base62, "é", "", false);
        check(Form::Base32, "db-", ".internal", true);
        check(Form::Base32, "", ".a.example", true);
        check(Form::Base32, "dbhost", ".internal", false);
        check(Form::Base32, "-db", "", false);
        check(Form::Base32, "", "internal", false);
        check(Form::Base32, "", ".in..ternal", false);
        check(Form::Base32, "", ".Internal", false);
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(catalogue_name("user data"), Ok("user data"));
        for name in ["", "a'b", "a\\b", "a.b", "\"a\"", &"a".repeat(64)] {
            assert!(catalogue_name(name).is_err(), "{name}");
        }
    }
}
