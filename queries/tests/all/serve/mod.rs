//! The lake behind PostgreSQL's protocol: a real listener with TLS, a real client, a door that lets in whom the test
//! says.

mod bed;
mod bounds;
mod broken;
mod flight;
mod questions;
mod tools;
