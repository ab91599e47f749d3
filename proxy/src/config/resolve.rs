//! From the file as written to what it means.

use super::{Config, Error, Raw};
use std::path::Path;

pub(super) fn resolve(_raw: Raw, _text: &str, _path: &Path) -> Result<Config, Error> {
    Err(Error::Mistakes(Vec::new()))
}
