//! What clients see of the gateway: authentication, and the requests on their channels. It never waits for a target:
//! what is for one goes into its channel's inbox.

use super::action::Forward;
use super::channel;
use super::client::Client;
use super::connection::Connection;
use super::inbox::{self, Input, Sender, Size};
use super::request::is_harmless;
use super::wire::KEEPALIVE;
use bytes::Bytes;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Preferred, Pty, Sig, SshId, compression};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Channels of one connection; OpenSSH's server allows 10.
const MAX_CHANNELS: usize = 32;
/// Failed tokens, the `none` that every client begins with among them.
const MAX_ATTEMPTS: usize = 6;
/// How long a refusal takes, so that guessing is slow.
const REJECTION: Duration = Duration::from_millis(500);
/// A channel's window and largest packet; OpenSSH's.
const WINDOW: u32 = 2 << 20;
const PACKET: u32 = 32 << 10;

/// The server's settings.
pub(super) fn config(key: PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-interdict")),
        methods: methods(),
        auth_rejection_time: REJECTION,
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: MAX_ATTEMPTS,
        keys: vec![key],
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        preferred: preferred(),
        inactivity_timeout: None,
        // A client that does not answer is noticed by the valve, which knows whether its answer could be read.
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 0,
        ..Config::default()
    }
}

/// Algorithms for both sides: no SHA-1, and no compression, which would let few bytes become many.
pub(super) fn preferred() -> Preferred {
    Preferred {
        key: Cow::Borrowed(&[
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
            Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
        ]),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    }
}

/// The ways to hand over a token.
fn methods() -> MethodSet {
    MethodSet::from([MethodKind::Password, MethodKind::KeyboardInteractive].as_slice())
}

/// One client.
pub(super) struct Server {
    connection: Arc<Connection>,
    channels: HashMap<ChannelId, Sender>,
}

impl Server {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, channels: HashMap::new() }
    }

    async fn authenticate(&self, user: &str, token: &str) -> Auth {
        if self.connection.authenticate(user, token).await { Auth::Accept } else { reject() }
    }

    /// Puts a message into its channel's inbox; whether the channel lives.
    fn send(&self, channel: ChannelId, input: Input) -> bool {
        match self.channels.get(&channel) {
            Some(sender) => {
                sender.send(input);
                true
            }
            None => false,
        }
    }

    /// The same for a request, which the client wants answered. Answered at once: russh remembers only whether the
    /// latest request wants an answer, and clients send several without waiting.
    fn request(&self, channel: ChannelId, input: Input, session: &mut Session) -> Result<(), russh::Error> {
        if self.send(channel, input) { session.channel_success(channel) } else { session.channel_failure(channel) }
    }
}

fn reject() -> Auth {
    Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.connection.called(user);
        Ok(reject())
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        _offer: russh::server::PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.connection.called(user);
        Ok(reject())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.authenticate(user, password).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: Cow::Borrowed(""),
                instructions: Cow::Borrowed(""),
                prompts: Cow::Borrowed(&[(Cow::Borrowed("Token: "), false)]),
            });
        };
        let answer = answers.next();
        let token = answer.as_deref().and_then(|answer| std::str::from_utf8(answer).ok());
        Ok(match token {
            Some(token) => self.authenticate(user, token).await,
            None => reject(),
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channels.len() >= MAX_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // Without a reader russh has nobody to wait for; the handler's own methods see every message.
        let (_reader, writer) = channel.split();
        let (sender, inbox) = inbox::channel(&self.connection.valve);
        self.channels.insert(writer.id(), sender);
        reply.accept().await;
        let client = Client::new(writer, session.handle());
        self.connection.channels.spawn(channel::serve(Arc::clone(&self.connection), client, inbox));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.connection.refuse_forward(Forward::Local(host, port));
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.connection.refuse_forward(Forward::LocalSocket(path));
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn tcpip_forward(&mut self, host: &str, port: &mut u32, _: &mut Session) -> Result<bool, Self::Error> {
        self.connection.refuse_forward(Forward::Remote(host, *port));
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        self.connection.refuse_forward(Forward::RemoteSocket(path));
        Ok(false)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.connection.refuse_forward(Forward::X11);
        session.channel_failure(channel)
    }

    async fn agent_request(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<bool, Self::Error> {
        self.connection.refuse_forward(Forward::Agent);
        Ok(false)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let size = Size { columns, rows, width, height };
        let terminal = Input::Terminal { kind: term.to_owned(), size, modes: modes.to_vec() };
        self.request(channel, terminal, session)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if is_harmless(name) {
            self.request(channel, Input::Variable(name.to_owned(), value.to_owned()), session)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.request(channel, Input::Shell, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(channel, Input::Command(line.to_vec()), session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(channel, Input::Subsystem(name.to_owned()), session)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(channel, Input::Resize(Size { columns, rows, width, height }), session)
    }

    async fn signal(&mut self, channel: ChannelId, signal: Sig, _: &mut Session) -> Result<(), Self::Error> {
        self.send(channel, Input::Signal(signal));
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        self.send(channel, Input::Data(Bytes::copy_from_slice(data)));
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.send(channel, Input::Eof);
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.send(channel, Input::Close);
        self.channels.remove(&channel);
        Ok(())
    }
}
