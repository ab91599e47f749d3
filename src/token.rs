//! `interdict token`: a development token from a local key. Refuses where a real issuer is configured.

use crate::cli;
use crate::development::{Claims, SigningKey};
use crate::settings::Settings;
use anyhow::{Context as _, bail};
use interdict_proxy::config::KeySource;
use std::io::Write as _;

/// The key's file in the data folder.
const KEY: &str = "development.pem";

pub(crate) fn run(args: &cli::Token, settings: &Settings) -> anyhow::Result<()> {
    let identity = &settings.proxy.identity;
    let KeySource::File(jwks) = &identity.keys else {
        bail!(
            "tokens are issued by {}; a development token is minted only where `identity.jwks_file` names a local JWKS",
            identity.issuer
        );
    };
    let path = settings.data.join(KEY);
    let key = if args.new_key {
        let key = SigningKey::create(&path, jwks)?;
        // Standard output is the token's.
        writeln!(std::io::stderr(), "made {} and {}", path.display(), jwks.display())?;
        key
    } else {
        SigningKey::read(&path)?
    };
    if !key.is_trusted_by(jwks)? {
        bail!("{} does not hold the public half of {}; its tokens would be refused", jwks.display(), path.display());
    }
    let Some(subject) = &args.subject else {
        return Ok(());
    };
    let token = key.mint(&Claims {
        issuer: &identity.issuer,
        audience: &identity.audience,
        subject,
        kind: args.kind,
        groups: &args.groups,
        delegates: &args.delegates,
        issued: u64::try_from(jiff::Timestamp::now().as_second()).context("the clock is before 1970")?,
        lifetime: args.lifetime,
    })?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}
