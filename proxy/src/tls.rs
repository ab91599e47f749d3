//! TLS on both sides: the listeners' certificate, and who is believed to be a target. The cryptography is chosen here
//! (aws-lc-rs), never taken from a process-wide default. Refuses TLS below 1.2, and a certificate that does not
//! belong to its key.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, server};

/// Certificate files hold a chain or a few hundred authorities; more is a mistaken path.
const MAX_FILE: u64 = 4 << 20;

/// What is wrong with TLS. The first four are the configuration's fault, the last the peer's or the network's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no usable {wanted}: {detail}; it must be PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What was found.
        detail: String,
    },
    /// Certificate and key do not serve together.
    #[error("the certificate {} does not serve with the key {}: {source}", certificate.display(), key.display())]
    Pair {
        /// The chain's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The target's name cannot stand in a certificate.
    #[error("{host:?} is neither a host name nor an address: {source}")]
    Name {
        /// The name.
        host: String,
        /// What is wrong.
        source: InvalidDnsNameError,
    },
    /// No cipher suites, or no authority is believed.
    #[error("tls cannot be set up: {0}")]
    Setup(String),
    /// The peer and we do not agree.
    #[error("the tls handshake with {peer} failed: {source}")]
    Handshake {
        /// Who.
        peer: String,
        /// Why.
        source: io::Error,
    },
}

/// A listener's side: a PEM chain, leaf first, and its PEM key (PKCS#8, PKCS#1 or SEC1). Offers no ALPN; see
/// [`offering`].
///
/// # Errors
/// When a file cannot be read or does not hold what it should, or the key is another certificate's.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
        pem::Error::NoItemsFound => content(key, "private key", "there is no PRIVATE KEY section"),
        error => content(key, "private key", &error.to_string()),
    })?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|source| Error::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source })?;
    Ok(Arc::new(config))
}

/// The same side, offering application protocols by ALPN (RFC 7301), the preferred first.
#[must_use]
pub fn offering(config: &ServerConfig, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// Takes a client's handshake. The caller bounds its time.
///
/// # Errors
/// When the client speaks no TLS or none that is acceptable.
pub async fn accept(config: Arc<ServerConfig>, stream: TcpStream) -> Result<server::TlsStream<TcpStream>, Error> {
    let accepted = TlsAcceptor::from(config).accept(stream).await;
    accepted.map_err(|source| Error::Handshake { peer: "the client".to_owned(), source })
}

/// The side towards targets: believes the authorities in a PEM file, or the system's. Kept per file until the file
/// changes, so that sessions resume; asking again is cheap.
///
/// # Errors
/// When the file cannot be read or holds no certificate, or the system has no authorities.
pub fn client(roots: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    type Kept = HashMap<Option<PathBuf>, (Option<SystemTime>, Arc<ClientConfig>)>;
    static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

    // Without a time of change (the system's authorities, exotic file systems) what was read stays.
    let changed = roots.and_then(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    let name = roots.map(Path::to_owned);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some((then, config)) = kept.get(&name)
        && *then == changed
    {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Setup(error.to_string()))?
            .with_root_certificates(authorities(roots)?)
            .with_no_client_auth(),
    );
    kept.insert(name, (changed, Arc::clone(&config)));
    Ok(config)
}

/// Opens TLS to a target that must prove to be `host` (a DNS name or an address). The caller bounds its time.
///
/// # Errors
/// As [`client`], and when the handshake fails or the certificate does not prove it.
pub async fn connect(stream: TcpStream, host: &str, roots: Option<&Path>) -> Result<TlsStream<TcpStream>, Error> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|source| Error::Name { host: host.to_owned(), source })?;
    let connected = TlsConnector::from(client(roots)?).connect(name, stream).await;
    connected.map_err(|source| Error::Handshake { peer: host.to_owned(), source })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn authorities(roots: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let Some(path) = roots else {
        let loaded = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(loaded.certs);
        if added == 0 {
            let first = loaded.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            let advice = "name a ca_file, or install the system's ca certificates";
            return Err(Error::Setup(format!("the system has no certificate authorities{first}; {advice}")));
        }
        return Ok(store);
    };
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| content(path, "certificate", &error.to_string()))?;
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| content(path, "certificate", &error.to_string()))?;
    if found.is_empty() {
        return Err(content(path, "certificate", "there is no CERTIFICATE section"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        return Err(content(path, "PEM", &format!("{size} bytes is more than {MAX_FILE}")));
    }
    std::fs::read(path).map_err(unreadable)
}

fn content(path: &Path, wanted: &'static str, detail: &str) -> Error {
    Error::Content { path: path.to_owned(), wanted, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn folder(names: &[&str]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, cert.pem()).unwrap();
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        (folder, certificate, key)
    }

    async fn meet(host: &str, names: &[&str]) -> Result<Option<Vec<u8>>, Error> {
        let (_folder, certificate, key) = folder(names);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = offering(&server(&certificate, &key).unwrap(), &[b"h2", b"http/1.1"]);
        let serve = tokio::spawn(async move {
            let mut stream = accept(config, listener.accept().await.unwrap().0).await?;
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
            Ok::<_, Error>(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
        });
        let mut stream = connect(TcpStream::connect(address).await.unwrap(), host, Some(&certificate)).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        serve.await.unwrap()
    }

    #[tokio::test]
    async fn target_must_prove_its_name() {
        assert_eq!(meet("db.internal", &["db.internal"]).await.unwrap(), None);
        assert_eq!(meet("127.0.0.1", &["127.0.0.1"]).await.unwrap(), None);
        let error = meet("other.internal", &["db.internal"]).await.unwrap_err().to_string();
        assert!(error.starts_with("the tls handshake with other.internal failed: "), "{error}");
        assert!(matches!(meet("no name", &["db.internal"]).await, Err(Error::Name { .. })));
    }

    #[test]
    fn mistaken_files_are_named() {
        let (folder, certificate, key) = folder(&["one.internal"]);
        let (_other, _, foreign) = self::folder(&["one.internal"]);
        let check = |certificate: &Path, key: &Path, expected: &str| {
            let error = server(certificate, key).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&folder.path().join("absent.pem"), &key, "absent.pem cannot be read");
        check(&key, &key, "key.pem holds no usable certificate: there is no CERTIFICATE section");
        check(&certificate, &certificate, "cert.pem holds no usable private key: there is no PRIVATE KEY section");
        check(&certificate, &foreign, "does not serve with the key");
        let garbage = folder.path().join("garbage.pem");
        std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
        check(&garbage, &key, "garbage.pem holds no usable certificate");
        assert!(client(Some(&garbage)).unwrap_err().to_string().contains("garbage.pem"));
    }

    #[test]
    fn authorities_are_read_again_when_their_file_changes() {
        let (_folder, certificate, key) = folder(&["one.internal"]);
        let first = client(Some(&certificate)).unwrap();
        assert!(Arc::ptr_eq(&first, &client(Some(&certificate)).unwrap()));
        let later = std::fs::File::options().append(true).open(&certificate).unwrap();
        later.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!Arc::ptr_eq(&first, &client(Some(&certificate)).unwrap()));
        assert!(key.exists());
    }
}
