//! The gateway's own authentication at the target (PostgreSQL manual, "SASL Authentication"; RFC 5802, RFC 5929).
//! Owns the dialogue from the startup packet to AuthenticationOk. Refuses MD5, which is broken, and a cleartext
//! password outside TLS. Pure: the target's messages in, ours out.

use super::frame::{self, Fields};
use super::message::{self, Backend};
use super::reply;
use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};

/// Why the target does not let the gateway in. Names no credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The target's own words.
    #[error("it answers {code}: {message}")]
    Refused {
        /// SQLSTATE.
        code: String,
        /// In words.
        message: String,
    },
    /// A method that is not done.
    #[error(
        "it asks for {0}; set password_encryption = 'scram-sha-256' there, set the account's password again and use scram-sha-256 in pg_hba.conf"
    )]
    Method(&'static str),
    /// A cleartext password without TLS.
    #[error("it asks for the password in clear outside TLS; set upstream_tls, or scram-sha-256 in its pg_hba.conf")]
    Cleartext,
    /// No password is configured.
    #[error("it asks for a password, and none is configured; give the target's credential a password_file")]
    NoPassword,
    /// The SCRAM dialogue failed.
    #[error("SCRAM failed: {0}; check the password, and that the target is what it should be")]
    Scram(std::io::Error),
    /// A message that cannot be here.
    #[error("it sent a message of type {0:?} while authenticating; check that it is PostgreSQL")]
    Unexpected(char),
    /// Bytes that are no message.
    #[error("it sent what is no message: {0}; check that it is PostgreSQL")]
    Frame(#[from] frame::Error),
}

/// What is known of the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Channel {
    /// Whether it is in TLS.
    pub(super) tls: bool,
    /// The hash of the target's certificate for `tls-server-end-point`, if its algorithm has one.
    pub(super) end_point: Option<Vec<u8>>,
}

enum Stage {
    Start,
    First(ScramSha256),
    Final(ScramSha256),
    /// Nothing but AuthenticationOk may come.
    Done,
}

/// The dialogue.
pub(super) struct Dialogue<'a> {
    password: Option<&'a [u8]>,
    channel: Channel,
    stage: Stage,
}

/// How far the dialogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Another message is needed.
    More,
    /// The target let the gateway in.
    In,
}

impl<'a> Dialogue<'a> {
    /// After the startup packet was sent.
    pub(super) fn new(password: Option<&'a [u8]>, channel: Channel) -> Self {
        Self { password, channel, stage: Stage::Start }
    }

    /// Takes the target's next message; what is to be sent goes to `out`.
    ///
    /// # Errors
    /// When the target does not let the gateway in.
    pub(super) fn take(mut self, kind: u8, body: &[u8], out: &mut BytesMut) -> Result<(Self, Progress), Error> {
        match Backend::of(kind) {
            Some(Backend::Authentication) => {}
            Some(Backend::Error) => {
                let report = message::report(kind, body)?;
                return Err(Error::Refused { code: report.code, message: report.message });
            }
            Some(Backend::Notice) => return Ok((self, Progress::More)),
            _ => return Err(Error::Unexpected(kind.into())),
        }
        let mut fields = Fields::new(kind, body);
        let request = fields.u32()?;
        self.stage = match (request, self.stage) {
            (0, Stage::Start | Stage::Done) => return Ok((Self { stage: Stage::Done, ..self }, Progress::In)),
            (3, Stage::Start) => {
                let password = self.password.ok_or(Error::NoPassword)?;
                if !self.channel.tls {
                    return Err(Error::Cleartext);
                }
                reply::password(out, password);
                Stage::Done
            }
            (5, _) => return Err(Error::Method("an MD5 password")),
            (2 | 7 | 8 | 9, _) => return Err(Error::Method("Kerberos, GSSAPI or SSPI")),
            (10, Stage::Start) => {
                let password = self.password.ok_or(Error::NoPassword)?;
                Stage::First(self.channel.scram(password, fields, out)?)
            }
            (11, Stage::First(mut scram)) => {
                scram.update(fields.rest()).map_err(Error::Scram)?;
                reply::sasl(out, scram.message());
                Stage::Final(scram)
            }
            (12, Stage::Final(mut scram)) => {
                scram.finish(fields.rest()).map_err(Error::Scram)?;
                Stage::Done
            }
            // AuthenticationOk before SCRAM has proven the target is an impostor's.
            _ => return Err(Error::Unexpected(kind.into())),
        };
        Ok((self, Progress::More))
    }
}

impl Channel {
    fn scram(&self, password: &[u8], mut mechanisms: Fields<'_>, out: &mut BytesMut) -> Result<ScramSha256, Error> {
        let (mut plain, mut plus) = (false, false);
        loop {
            match mechanisms.string()? {
                b"" => break,
                name => {
                    plain |= name == SCRAM_SHA_256.as_bytes();
                    plus |= name == SCRAM_SHA_256_PLUS.as_bytes();
                }
            }
        }
        let (name, binding) = match &self.end_point {
            Some(hash) if plus => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash.clone())),
            // "y": we could have bound the channel. A target that did offer it then knows of a downgrade.
            Some(_) if plain => (SCRAM_SHA_256, ChannelBinding::unrequested()),
            None if plain => (SCRAM_SHA_256, ChannelBinding::unsupported()),
            _ => return Err(Error::Method("a SASL mechanism other than SCRAM-SHA-256")),
        };
        let scram = ScramSha256::new(password, binding);
        reply::sasl_initial(out, name, scram.message());
        Ok(scram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u32, rest: &[u8]) -> Vec<u8> {
        [number.to_be_bytes().as_slice(), rest].concat()
    }

    fn first(channel: Channel, body: &[u8]) -> (Result<Progress, String>, BytesMut) {
        let mut out = BytesMut::new();
        let taken = Dialogue::new(Some(b"secret"), channel).take(b'R', body, &mut out);
        (taken.map(|(_, progress)| progress).map_err(|error| error.to_string()), out)
    }

    #[test]
    fn weak_methods_are_refused() {
        for (body, word) in [
            (request(5, b"salt"), "MD5"),
            (request(3, b""), "outside TLS"),
            (request(7, b""), "GSSAPI"),
            (request(10, b"OTHER\0\0"), "SASL mechanism"),
            (request(11, b""), "'R'"),
            (request(10, b"SCRAM"), "no message"),
        ] {
            let (refused, sent) = first(Channel::default(), &body);
            assert!(refused.unwrap_err().contains(word), "{word}");
            assert!(sent.is_empty(), "{word}");
        }
    }

    #[test]
    fn channel_is_bound_where_both_can() {
        let both = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let tls = Channel { tls: true, end_point: Some(vec![1]) };
        for (channel, offered, header) in [
            (tls.clone(), both.as_slice(), &b"p=tls-server-end-point"[..]),
            (tls, b"SCRAM-SHA-256\0\0", b"y,,"),
            (Channel::default(), both, b"n,,"),
        ] {
            let (progress, sent) = first(channel, &request(10, offered));
            assert_eq!(progress, Ok(Progress::More));
            assert!(sent.windows(header.len()).any(|window| window == header), "{sent:?}");
        }
    }

    #[test]
    fn target_that_skips_its_proof_is_refused() {
        let mut out = BytesMut::new();
        let dialogue = Dialogue::new(Some(b"secret"), Channel::default());
        let (dialogue, _) = dialogue.take(b'R', &request(10, b"SCRAM-SHA-256\0\0"), &mut out).unwrap();
        assert!(dialogue.take(b'R', &request(0, b""), &mut out).is_err());
    }
}
