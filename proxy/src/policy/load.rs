//! From files to one validated set of policies. Refuses everything about which Cedar says anything: a policy that can
//! never apply is a mistake that leaves a door open or shut.

use super::Error;
use crate::mistake::Mistake;
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The vocabulary.
const SCHEMA: &str = include_str!("interdict.cedarschema");
/// The largest policy file.
const MAX_FILE: u64 = 1 << 20;

/// The vocabulary, parsed.
pub(super) fn schema() -> Result<Schema, Error> {
    Schema::from_str(SCHEMA).map_err(|error| Error::Schema(error.to_string()))
}

/// Every policy of a file, or of the `.cedar` files of a folder.
pub(super) fn policies(path: &Path, schema: &Schema) -> Result<PolicySet, Error> {
    let validator = Validator::new(schema.clone());
    let mut all = PolicySet::new();
    let mut seen = HashMap::new();
    let mut mistakes = Vec::new();
    for file in files(path)? {
        let text = read(&file)?;
        match PolicySet::from_str(&text) {
            Ok(set) => {
                let source = Source { path: &file, text: &text };
                source.merge(&set, &validator, &mut all, &mut seen, &mut mistakes);
            }
            Err(errors) => {
                mistakes.extend(errors.iter().map(|error| Source { path: &file, text: &text }.mistake(error)));
            }
        }
    }
    if mistakes.is_empty() { Ok(all) } else { Err(Error::Mistakes(mistakes)) }
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn merge(
        &self,
        set: &PolicySet,
        validator: &Validator,
        all: &mut PolicySet,
        seen: &mut HashMap<String, PathBuf>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let checked = validator.validate(set, ValidationMode::Strict);
        mistakes.extend(checked.validation_errors().map(|error| self.mistake(error)));
        mistakes.extend(checked.validation_warnings().map(|warning| self.mistake(warning)));
        if set.templates().next().is_some() {
            mistakes.push(Mistake::at(
                self.path,
                self.text,
                0,
                "templates (?principal, ?resource) are never linked here; write the policy out",
            ));
        }
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for policy in set.policies() {
            let name = name(policy, &stem);
            if let Some(other) = seen.insert(name.clone(), self.path.to_owned()) {
                let offset = self.text.rfind(&format!("\"{name}\"")).unwrap_or(0);
                let message = format!("policy id {name:?} is used in {} too; ids must be unique", other.display());
                mistakes.push(Mistake::at(self.path, self.text, offset, message));
            } else if let Err(error) = all.add(policy.new_id(PolicyId::new(name))) {
                mistakes.push(self.mistake(&error));
            }
        }
    }

    /// Cedar's words, with its advice, where it points.
    fn mistake(&self, error: &(impl Diagnostic + ?Sized)) -> Mistake {
        let offset = error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
        let mut message = error.to_string();
        if let Some(help) = error.help() {
            message = format!("{message}; {help}");
        }
        Mistake::at(self.path, self.text, offset, message)
    }
}

/// `@id("...")`, or the file's name and the policy's place in it.
fn name(policy: &Policy, stem: &str) -> String {
    match policy.annotation("id") {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{stem}/{}", AsRef::<str>::as_ref(policy.id()).trim_start_matches("policy")),
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "cedar") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(files) }
}

fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        let message = format!("the file has more than {MAX_FILE} bytes; split it");
        return Err(Error::Mistakes(vec![Mistake::at(path, "", 0, message)]));
    }
    std::fs::read_to_string(path).map_err(failed)
}
