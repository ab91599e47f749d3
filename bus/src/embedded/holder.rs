//! Who has the log open, for the message to the next who tries. The lock itself is the store's.

use std::path::Path;

const FILE: &str = "holder";

/// Writes this process down. Only words in a message hang on it, so a failure does not stop the log.
pub(super) fn write(folder: &Path) {
    let name = std::env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let text = format!("process {} ({})", std::process::id(), name.as_deref().unwrap_or("unknown"));
    if let Err(error) = std::fs::write(folder.join(FILE), text) {
        tracing::debug!(folder = %folder.display(), %error, "the log's holder was not written down");
    }
}

/// Who holds it, as far as known.
pub(super) fn read(folder: &Path) -> String {
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) if !text.is_empty() && text.len() < 1024 => text,
        _ => "another process".to_owned(),
    }
}
