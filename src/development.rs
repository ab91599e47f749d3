//! Keys for trying interdict without an issuer: an Ed25519 signing key with its JWKS, a self-signed certificate, and
//! tokens minted from the key. Never used where a real issuer is configured.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use interdict_schemas::PrincipalKind;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A token's content.
#[derive(Debug, Clone)]
pub(crate) struct Claims<'a> {
    /// `iss`.
    pub(crate) issuer: &'a str,
    /// `aud`.
    pub(crate) audience: &'a str,
    /// `sub`: the root of the chain.
    pub(crate) subject: &'a str,
    /// What the subject is.
    pub(crate) kind: PrincipalKind,
    /// Groups of the root.
    pub(crate) groups: &'a [String],
    /// Delegates from the first to the one that acts now.
    pub(crate) delegates: &'a [String],
    /// Seconds since the epoch.
    pub(crate) issued: u64,
    /// Seconds it lives.
    pub(crate) lifetime: u64,
}

impl Claims<'_> {
    /// As JSON, with the delegates nested as RFC 8693 section 4.1 asks: the outermost `act` is who acts now.
    fn json(&self) -> Value {
        let mut claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": self.subject, "kind": self.kind.name(), "groups": self.groups,
            "iat": self.issued, "nbf": self.issued, "exp": self.issued.saturating_add(self.lifetime),
        });
        let act = self.delegates.iter().fold(None, |inner: Option<Value>, delegate| {
            let mut act = Map::from_iter([("sub".to_owned(), json!(delegate)), ("kind".to_owned(), json!("agent"))]);
            act.extend(inner.map(|inner| ("act".to_owned(), inner)));
            Some(Value::Object(act))
        });
        if let (Some(act), Some(claims)) = (act, claims.as_object_mut()) {
            claims.insert("act".to_owned(), act);
        }
        claims
    }
}

/// A local signing key.
pub(crate) struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads the PKCS#8 PEM file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let pem = fs::read_to_string(path).with_context(|| {
            format!("cannot read the development key {}; make one with `interdict token --new-key`", path.display())
        })?;
        Ok(Self(KeyPair::from_pem(&pem).with_context(|| format!("{} is no PKCS#8 key", path.display()))?))
    }

    /// Makes a key and writes it (mode 0600) beside its public JWKS. Refuses to overwrite either.
    pub(crate) fn create(key: &Path, jwks: &Path) -> anyhow::Result<Self> {
        if let Some(path) = [key, jwks].into_iter().find(|path| path.exists()) {
            bail!("{} exists already and is not overwritten; remove it to make a new key", path.display());
        }
        let made = Self(KeyPair::generate_for(&PKCS_ED25519)?);
        write_new(key, 0o600, made.0.serialize_pem().as_bytes())?;
        write_new(jwks, 0o644, serde_json::to_string_pretty(&made.jwks())?.as_bytes())?;
        Ok(made)
    }

    /// The public half (RFC 8037), base64url.
    fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key_raw())
    }

    fn jwks(&self) -> Value {
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "development", "x": self.public(),
        }] })
    }

    /// Whether the JWKS in `path` trusts this key.
    pub(crate) fn is_trusted_by(&self, path: &Path) -> anyhow::Result<bool> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let jwks: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JWKS", path.display()))?;
        let keys = jwks.get("keys").and_then(Value::as_array);
        Ok(keys.is_some_and(|keys| keys.iter().any(|key| key.get("x") == Some(&json!(self.public())))))
    }

    /// A signed token.
    pub(crate) fn mint(&self, claims: &Claims<'_>) -> anyhow::Result<String> {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid = Some("development".to_owned());
        let key = jsonwebtoken::EncodingKey::from_ed_der(self.0.serialized_der());
        Ok(jsonwebtoken::encode(&header, &claims.json(), &key)?)
    }
}

/// Writes a self-signed certificate for `names` and its key (mode 0600), in PEM. Refuses to overwrite either.
pub(crate) fn certificate(names: &[&str], certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    write_new(key, 0o600, made.signing_key.serialize_pem().as_bytes())?;
    write_new(certificate, 0o644, made.cert.pem().as_bytes())
}

/// Writes a file that must not exist yet.
pub(crate) fn write_new(path: &Path, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot write {}; it may exist already", path.display()))?;
    file.write_all(content)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delegates_nest_with_the_actor_outermost() {
        let delegates = ["planner".to_owned(), "runner".to_owned()];
        let claims = Claims {
            issuer: "i",
            audience: "a",
            subject: "dana",
            kind: PrincipalKind::Person,
            groups: &[],
            delegates: &delegates,
            issued: 0,
            lifetime: 60,
        };
        let json = claims.json();
        assert_eq!(json["act"]["sub"], "runner");
        assert_eq!(json["act"]["act"]["sub"], "planner");
        assert_eq!(json["act"]["act"].get("act"), None);
    }

    #[test]
    fn a_key_is_trusted_by_its_own_jwks_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = SigningKey::create(&at("a.pem"), &at("a.json")).unwrap();
        SigningKey::create(&at("b.pem"), &at("b.json")).unwrap();
        assert!(key.is_trusted_by(&at("a.json")).unwrap());
        assert!(!key.is_trusted_by(&at("b.json")).unwrap());
        assert!(SigningKey::create(&at("a.pem"), &at("c.json")).is_err());
    }
}
