//! Masking rules: from the file as written to one rule for each target it is about.

use super::Target;
use super::raw::{self, Alphabet, MaskAction, Shape};
use super::resolve::File;
use crate::mask::decoy::Form;
use crate::mask::json::Path;
use crate::mask::rule::{self, Field, Rule, catalogue_name};
use interdict_schemas::Protocol;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

pub(super) fn resolve(raw: Vec<Spanned<raw::Mask>>, targets: &[Arc<Target>], file: &mut File<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for mask in raw {
        let span = mask.span();
        rules.extend(one(mask.into_inner(), span, targets, file).unwrap_or_default());
    }
    rules
}

fn one(mask: raw::Mask, span: Range<usize>, targets: &[Arc<Target>], file: &mut File<'_>) -> Option<Vec<Rule>> {
    let MaskAction::Decoy = mask.action;
    let form = match (mask.shape, &mask.alphabet) {
        (Shape::Token, Some(alphabet)) if *alphabet.as_ref() == Alphabet::Hex => Form::Hex,
        (Shape::Token, _) | (Shape::Password, None) => Form::Base62,
        (Shape::Host, None) => Form::Base32,
        (_, Some(alphabet)) => {
            return file.wrong(alphabet.span(), "only the shape \"token\" takes an alphabet; remove it");
        }
    };
    let shape = match rule::shape(form, &mask.prefix, &mask.suffix) {
        Ok(shape) => shape,
        Err(words) => return file.wrong(span, format!("this mask cannot be: {words}")),
    };
    let (field, protocol) = field(&mask, span.clone(), file)?;
    let names = match (&mask.target, &mask.tag) {
        (Some(name), None) => match targets.iter().find(|target| target.name == *name.as_ref()) {
            Some(target) if target.protocol == protocol => vec![target.name.clone()],
            Some(target) => {
                let words = format!(
                    "{} speaks {}; table and column are for postgres, json is for http",
                    target.name, target.protocol
                );
                return file.wrong(name.span(), words);
            }
            None => return file.wrong(name.span(), format!("there is no target {:?}", name.as_ref())),
        },
        (None, Some(tag)) => {
            let tagged =
                targets.iter().filter(|target| target.protocol == protocol && target.tags.contains(tag.as_ref()));
            let names: Vec<_> = tagged.map(|target| target.name.clone()).collect();
            if names.is_empty() {
                return file.wrong(tag.span(), format!("no {protocol} target has the tag {:?}", tag.as_ref()));
            }
            names
        }
        _ => return file.wrong(span, "a mask is for a target or for a tag; name one of them"),
    };
    let rule = |target| Rule { target, field: field.clone(), shape: shape.clone() };
    Some(names.into_iter().map(rule).collect())
}

fn field(mask: &raw::Mask, span: Range<usize>, file: &mut File<'_>) -> Option<(Field, Protocol)> {
    match (&mask.table, &mask.column, &mask.json) {
        (Some(table), Some(column), None) => {
            if let Some(under) = &mask.under {
                return file.wrong(under.span(), "under is for json; remove it");
            }
            let (schema, name) = relation(table, file)?;
            let mut checked_views = Vec::new();
            for view in &mask.checked_views {
                let (schema, view) = relation(view, file)?;
                checked_views.push(format!("{schema}.{view}"));
            }
            let column = name_of(column.as_ref(), column.span(), file)?;
            Some((Field::Column { schema, table: name, column, checked_views }, Protocol::Postgres))
        }
        (None, None, Some(path)) => {
            if let Some(view) = mask.checked_views.first() {
                return file.wrong(view.span(), "checked_views are for a table; remove them");
            }
            let under = mask.under.as_ref().map_or_else(|| "/".to_owned(), |under| under.as_ref().clone());
            if !under.starts_with('/') {
                let place = mask.under.as_ref().map_or(span, Spanned::span);
                return file.wrong(place, "under is the beginning of a path, such as \"/api/secrets\"");
            }
            match Path::parse(path.as_ref()) {
                Ok(found) => Some((Field::Json { path: found, under }, Protocol::Http)),
                Err(words) => file.wrong(path.span(), words),
            }
        }
        _ => file.wrong(span, "a mask is for a table and a column, or for json; name them"),
    }
}

/// `table` or `schema.table`.
fn relation(name: &Spanned<String>, file: &mut File<'_>) -> Option<(String, String)> {
    let (schema, table) = name.as_ref().split_once('.').unwrap_or(("public", name.as_ref().as_str()));
    Some((name_of(schema, name.span(), file)?, name_of(table, name.span(), file)?))
}

fn name_of(text: &str, span: Range<usize>, file: &mut File<'_>) -> Option<String> {
    match catalogue_name(text) {
        Ok(name) => Some(name.to_owned()),
        Err(words) => file.wrong(span, words),
    }
}
