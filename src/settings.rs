//! The configuration file, whole. Each part owns its sections; this file reads the text once, hands each part its own,
//! and gives every mistake its place.

use anyhow::Context as _;
use interdict_bus::{Log, Writer, embedded::Embedded, kafka::Kafka};
use serde::Deserialize;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The local log's folder in the data folder.
pub(crate) const LOG: &str = "log";

/// A mistake in the configuration, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

/// The sections that are not the proxy's. The proxy's own reader refuses keys that nobody knows.
#[derive(Debug, Deserialize)]
struct Sections {
    #[serde(default)]
    bus: interdict_bus::config::Raw,
    #[serde(default)]
    lake: interdict_collector::config::RawLake,
    #[serde(default)]
    collector: interdict_collector::config::Raw,
    #[serde(default)]
    detector: interdict_detector::config::Raw,
    serve: Option<interdict_queries::serve::Raw>,
}

/// What each part needs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the local log, the lake and generated keys are.
    pub(crate) data: PathBuf,
    pub(crate) bus: interdict_bus::config::Config,
    pub(crate) proxy: interdict_proxy::Config,
    pub(crate) collector: interdict_collector::Config,
    pub(crate) detector: interdict_detector::Config,
    /// Where sessions are replayed, if that is said.
    pub(crate) replay: Option<String>,
    /// The file of the key that signs cases.
    pub(crate) case_key: PathBuf,
    /// Where the lake is served to other tools; nowhere if there is no such section.
    pub(crate) serve: Option<interdict_queries::serve::Config>,
}

impl Settings {
    /// Reads the file and the secrets it names.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let place = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error(format!("cannot read {place}: {error}; name the configuration with --config")))?;
        let proxy = interdict_proxy::Config::parse(&text, path).map_err(|error| Error(error.to_string()))?;
        let sections: Sections = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or("").matches('\n').count());
            Error(format!("{place}:{line}: {}", error.message()))
        })?;
        let wrong = |section: &str, error: &dyn std::error::Error| {
            Error(format!("{place}:{}: {error}", line_of(&text, section)))
        };
        let bus = sections.bus.resolve().map_err(|error| wrong("bus", &error))?;
        let replay = sections.lake.replay_url.clone();
        let chain_key = || proxy.data.join(LOG).join(interdict_bus::CHAIN_KEY);
        let key = sections.lake.case_key_file.clone();
        let case_key = key.map_or_else(chain_key, |key| path.parent().unwrap_or(Path::new("")).join(key));
        let collector =
            sections.collector.resolve(sections.lake, &proxy.data).map_err(|error| wrong("collector", &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let detector = sections
            .detector
            .resolve(collector.lake.display().to_string(), |secret| std::fs::read(folder.join(secret)))
            .map_err(|error| wrong("detector", &error))?;
        let serve = match sections.serve {
            None => None,
            Some(serve) => {
                let serve = serve.resolve().map_err(|error| wrong("serve", &error))?;
                let place = format!("{place}:{}", line_of(&text, "serve"));
                if proxy.inventory.iter().any(|entry| entry.name == serve.name) {
                    let name = serve.name;
                    return Err(Error(format!(
                        "{place}: serve.name {name:?} is a target's or a system's; choose another"
                    )));
                }
                if proxy.tls.is_none() {
                    let words = "the lake is served to holders of tokens, which needs tls: write a [tls] section";
                    return Err(Error(format!("{place}: {words} with certificate and key")));
                }
                Some(serve)
            }
        };
        Ok(Self { data: proxy.data.clone(), bus, proxy, collector, detector, replay, case_key, serve })
    }

    /// The detector's settings: the configuration's if there is one, else the defaults.
    pub(crate) fn detector(path: &Path) -> Result<interdict_detector::Settings, Error> {
        if path.exists() { Ok(Self::load(path)?.detector.settings) } else { Ok(Default::default()) }
    }

    /// Crown jewels that no target and no system here is called: mistyped, unless logs of other systems have them.
    pub(crate) fn unknown_jewels(&self) -> impl Iterator<Item = &str> {
        let is_known = |jewel: &&String| self.proxy.inventory.iter().any(|entry| entry.name == **jewel);
        self.detector.settings.crown_jewels.iter().filter(move |jewel| !is_known(jewel)).map(String::as_str)
    }

    /// Whether this machine's log is the bus.
    pub(crate) fn is_embedded(&self) -> bool {
        self.bus.kafka.is_none()
    }

    /// Opens this machine's log: the bus itself, or the spool before Kafka.
    fn open_local(&self, name: &str) -> anyhow::Result<Arc<Embedded>> {
        // What people did is nobody else's to read.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
            .with_context(|| format!("cannot make {}", self.data.display()))?;
        Ok(Embedded::open(&self.data.join(name), self.bus.embedded.clone())?)
    }

    /// Opens the bus for reading, and for verdicts.
    pub(crate) async fn open_log(&self) -> anyhow::Result<Arc<dyn Log>> {
        Ok(match &self.bus.kafka {
            None => self.open_local(LOG)?,
            Some(kafka) => Kafka::connect(kafka.clone()).await?,
        })
    }

    /// Opens the bus for a part that runs in a process of its own.
    pub(crate) async fn open_shared(&self, part: &str) -> anyhow::Result<Arc<dyn Log>> {
        self.refuse_embedded(part)?;
        self.open_log().await
    }

    /// Opens the bus and the proxy's hand on it.
    pub(crate) async fn open_writer(&self) -> anyhow::Result<(Arc<dyn Log>, Writer)> {
        self.open_writer_in(LOG).await
    }

    /// The same with a spool of its own, for a part that runs beside the proxy of this machine.
    pub(crate) async fn open_writer_in(&self, name: &str) -> anyhow::Result<(Arc<dyn Log>, Writer)> {
        let local = self.open_local(name)?;
        let (name, durability) = (&self.proxy.name, self.proxy.durability);
        Ok(match &self.bus.kafka {
            None => (Arc::clone(&local) as Arc<dyn Log>, Writer::embedded(local, name, durability)?),
            Some(kafka) => {
                let bus = Kafka::connect(kafka.clone()).await?;
                (Arc::clone(&bus) as Arc<dyn Log>, Writer::spooled(local, bus, name, durability)?)
            }
        })
    }

    /// Where the lake is served, which whoever only serves must be told.
    pub(crate) fn serve_section(&self) -> Result<interdict_queries::serve::Config, Error> {
        let words = "write a [serve] section with listen = \"ADDRESS:PORT\" first";
        self.serve.clone().ok_or_else(|| Error(words.to_owned()))
    }

    /// The embedded log belongs to one process.
    pub(crate) fn refuse_embedded(&self, part: &str) -> Result<(), Error> {
        if self.is_embedded() {
            return Err(Error(format!(
                "`interdict {part}` needs Kafka to reach the other parts: set bus.kind = \"kafka\", or run all in one \
                 process with `interdict up`"
            )));
        }
        Ok(())
    }
}

/// The detector's settings of a file that need have no other section. A key there that nobody knows is an error.
pub(crate) fn rules(path: &Path) -> Result<interdict_detector::Settings, Error> {
    #[derive(Deserialize)]
    struct Rules {
        detector: interdict_detector::Raw,
    }
    let place = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error(format!("cannot read {place}: {error}; name a file with a [detector] section")))?;
    let rules: Rules = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or("").matches('\n').count());
        Error(format!("{place}:{line}: {}", error.message()))
    })?;
    // Nothing is posted, so the webhook's key is not read.
    let rules = interdict_detector::Raw { webhook: None, ..rules.detector };
    let resolved = rules.resolve("", |_| Err(std::io::ErrorKind::Unsupported.into()));
    Ok(resolved.map_err(|error| Error(format!("{place}:{}: {error}", line_of(&text, "detector"))))?.settings)
}

/// The line on which a section starts; 1 if it is not written.
fn line_of(text: &str, section: &str) -> usize {
    let header = format!("[{section}");
    text.lines().position(|line| line.trim_start().starts_with(&header)).map_or(1, |index| index + 1)
}
