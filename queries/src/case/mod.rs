//! Everything about one alert as one archive, for whoever must look at it without the lake, or years later: what was
//! found, decided and done, the sessions as they were, what proves it, and a manifest of it all that is signed. Owns what
//! belongs to a case and how one is checked; whoever makes it brings the key.
//!
//! Nothing of what the lake holds becomes a name in the archive: sessions are numbered, so that whoever chose an id
//! chooses no path.

mod archive;
mod check;
mod folder;
mod gather;
mod manifest;

pub use check::{Checked, check};
pub use gather::{Case, export};
pub use manifest::FORMAT;

/// Signs a case.
pub trait Seal {
    /// The public key, Ed25519.
    fn key(&self) -> [u8; 32];

    /// The signature over these bytes.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];
}
