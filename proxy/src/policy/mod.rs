//! What may be done: Cedar policies over the vocabulary of `interdict.cedarschema`. Refuses by default, and refuses
//! whatever one principal of a delegation chain may not do.

mod context;
mod entities;
mod error;
mod load;
mod policies;
#[cfg(test)]
mod tests;

pub use crate::mistake::Mistake;
pub use error::Error;
pub use policies::Policies;
