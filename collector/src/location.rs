//! Where the lake is: a folder of this machine by default, or a prefix on object storage by its URL. Refuses a URL
//! with a password in it: a location is printed and logged, a credential never is.

use crate::error::Error;
use crate::storage;
use interdict_schemas::lake::Table;
use std::path::{Path, PathBuf};
use url::Url;

/// The place that the tables are under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lake {
    url: Url,
}

impl Lake {
    /// A folder, or a URL as `s3://bucket/lake`, `gs://bucket/lake` or `az://container/lake`. A folder that is
    /// relative starts from `base`.
    ///
    /// # Errors
    /// When it is neither, or carries a credential.
    pub fn parse(place: &Path, base: &Path) -> Result<Self, Error> {
        storage::register();
        if let Some(text) = place.to_str().filter(|text| text.contains("://")) {
            let invalid = || Error::Location(text.split('?').next().unwrap_or_default().to_owned());
            let mut url = Url::parse(text).map_err(|_| Error::Location("(not a URL)".to_owned()))?;
            if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
                return Err(Error::Credential(url.host_str().unwrap_or_default().to_owned()));
            }
            if let Ok(path) = url.to_file_path()
                && url.scheme() == "file"
            {
                return Self::parse(&path, base);
            }
            // Ends in a slash, so that tables are joined below it and not beside it.
            url.path_segments_mut().map_err(|()| invalid())?.pop_if_empty().push("");
            return Ok(Self { url });
        }
        let invalid = || Error::Location(place.display().to_string());
        let path = std::path::absolute(base.join(place)).map_err(|_| invalid())?;
        let url = Url::from_directory_path(path).map_err(|()| invalid())?;
        Ok(Self { url })
    }

    /// The place, for people and for who opens tables by their path.
    #[must_use]
    pub fn display(&self) -> impl std::fmt::Display + use<> {
        self.folder().map_or_else(
            || self.url.as_str().trim_end_matches('/').to_owned(),
            |folder| folder.to_string_lossy().trim_end_matches('/').to_owned(),
        )
    }

    /// The folder, if it is one of this machine.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        if self.url.scheme() == "file" { self.url.to_file_path().ok() } else { None }
    }

    /// The URL of the lake itself.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The URL of a table.
    #[must_use]
    pub fn table(&self, table: Table) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(table.name()).push("");
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_urls_are_places_and_credentials_are_refused() {
        let check = |place: &str, expected: &str, table: &str| {
            let lake = Lake::parse(Path::new(place), Path::new("/srv")).expect("a place");
            assert_eq!(lake.display().to_string(), expected);
            assert_eq!(lake.table(Table::Events).as_str(), table);
        };
        check("lake", "/srv/lake", "file:///srv/lake/events/");
        check("/data/my lake/", "/data/my lake", "file:///data/my%20lake/events/");
        check("file:///data/lake", "/data/lake", "file:///data/lake/events/");
        check("s3://bucket/a/lake/", "s3://bucket/a/lake", "s3://bucket/a/lake/events/");
        check("gs://bucket", "gs://bucket", "gs://bucket/events/");
        for secret in ["s3://key:hush@bucket/lake", "az://box/lake?sig=hush"] {
            let error = Lake::parse(Path::new(secret), Path::new("/")).expect_err("refused").to_string();
            assert!(error.contains("credential") && !error.contains("hush"), "{error}");
        }
    }
}
