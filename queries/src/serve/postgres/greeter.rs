//! The startup packet and the token, which comes as a password.

use super::connection::Seat;
use super::fault;
use crate::serve::door::Caller;
use crate::serve::functions::SERVER_VERSION;
use crate::serve::refusal::{Kind, Refusal};
use async_trait::async_trait;
use futures::{Sink, SinkExt as _};
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, METADATA_DATABASE, METADATA_USER, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, SecretKey};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use std::fmt::Debug;
use std::sync::Arc;

/// Lets one client in.
#[derive(Debug)]
pub(super) struct Greeter(pub(super) Arc<Seat>);

#[async_trait]
impl StartupHandler for Greeter {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                let replication = startup.parameters.get("replication").map_or("off", String::as_str);
                if !["off", "false", "no", "0"].contains(&replication) {
                    return Err(fault::fatal(&Refusal::new(Kind::Unsupported, "replication is not served here")));
                }
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(password) => {
                let password = password.into_password()?;
                let parameter = |name| client.metadata().get(name).map_or("", String::as_str);
                let caller = Caller {
                    token: &password.password,
                    peer: client.socket_addr(),
                    user: parameter(METADATA_USER),
                    database: parameter(METADATA_DATABASE),
                };
                // Whoever is not let in is not asked again on this connection.
                let visit = self.0.door().admit(caller).await.map_err(|refusal| fault::fatal(&refusal))?;
                let (process, secret) = self.0.sit(visit)?;
                client.set_pid_and_secret_key(process, SecretKey::I32(secret));
                finish_authentication(client, &parameters()).await
            }
            _ => Err(Refusal::new(Kind::Protocol, "a startup packet and a password come first").into()),
        }
    }
}

/// What the server says of itself.
fn parameters() -> DefaultServerParameterProvider {
    let mut parameters = DefaultServerParameterProvider::default();
    parameters.server_version = SERVER_VERSION.to_owned();
    parameters.is_superuser = false;
    parameters.default_transaction_read_only = true;
    parameters.time_zone = "UTC".to_owned();
    parameters.date_style = "ISO, MDY".to_owned();
    parameters
}
