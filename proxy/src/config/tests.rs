//! Claims about configuration files: what a whole one means, and how each mistake is told.

use super::{Config, KeySource, OnTimeout, UpstreamTls};
use interdict_schemas::Protocol;
use std::path::Path;
use std::time::Duration;

const IDENTITY: &str = "[identity]\nissuer = \"https://issuer.example\"\naudience = \"interdict\"\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["cert.pem", "key.pem", "password", "open"] {
        std::fs::write(folder.path().join(name), "secret\n").expect("file");
        mode(&folder.path().join(name), if name == "open" { 0o644 } else { 0o600 });
    }
    std::fs::write(folder.path().join("empty"), "").expect("file");
    mode(&folder.path().join("empty"), 0o600);
    folder
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode");
}

fn parse(text: &str) -> Result<Config, String> {
    let folder = folder();
    let path = folder.path().join("interdict.toml");
    Config::parse(text, &path)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let error = parse(text).expect_err("a mistake");
    for words in expected {
        assert!(error.contains(words), "{error:?} lacks {words:?}");
    }
}

fn http(rest: &str) -> String {
    format!(
        "{IDENTITY}[[target]]\nname = \"api\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:8080\"\naddress = \"127.0.0.1:80\"\n{rest}"
    )
}

fn postgres(rest: &str) -> String {
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    format!(
        "{IDENTITY}{tls}[[target]]\nname = \"db\"\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:6432\"\naddress = \"db.internal:5432\"\n{rest}"
    )
}

#[test]
fn leaving_keys_out_is_the_safe_way() {
    let config = parse(&postgres("credential = { account = \"app\", password_file = \"password\" }")).expect("valid");
    let target = config.targets.first().expect("target");
    assert_eq!(target.upstream_tls, UpstreamTls::Verify { roots: None });
    assert!(target.listen_tls && !target.fail_open);
    assert_eq!((target.host.as_str(), target.port, target.account.as_str()), ("db.internal", 5432, "app"));
    assert_eq!(config.barrier.on_timeout, OnTimeout::Refuse);
    assert_eq!(config.barrier.bound, Duration::from_millis(250));
    assert_eq!(config.inventory.first().and_then(|entry| entry.host.as_deref()), Some("db.internal"));
    let KeySource::Discovery(url) = &config.identity.keys else { panic!("{:?}", config.identity.keys) };
    assert_eq!(url.as_str(), "https://issuer.example/.well-known/openid-configuration");
    let plain = parse(&http("")).expect("valid");
    assert!(plain.targets.iter().all(|target| !target.listen_tls && target.upstream_tls == UpstreamTls::Off));
}

#[test]
fn sections_of_other_parts_are_passed_over() {
    parse(&format!("data = \"d\"\n{IDENTITY}[bus]\nkind = \"kafka\"\n[bus.kafka]\nx = 1\n[lake]\n[collector]\n[detector.webhook]\n"))
        .expect("valid");
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    check("[identity]\nissuer = ", &["interdict.toml:2:"]);
    check(&format!("{IDENTITY}\n[gatway]\n"), &["interdict.toml:5:2: ", "gatway"]);
    check(&format!("{IDENTITY}colour = 1\n"), &["interdict.toml:4:1: ", "colour"]);
    check("[gateway]\nname = \"x\"\n", &["identity"]);
    check("[identity]\nissuer = \"https://i\"\n", &["interdict.toml:1:", "audience"]);
    check(&http("aliasses = []"), &["interdict.toml:9:1: ", "aliasses"]);
    check(&format!("{IDENTITY}[barrier]\nbound_ms = 0\n"), &["interdict.toml:5:12: ", "barrier.bound_ms is 0"]);
    check(&format!("{IDENTITY}[policy]\npath = \"nowhere\"\n"), &["interdict.toml:5:8: policy.path", "nowhere"]);
}

#[test]
fn identities_that_could_be_forged_are_refused() {
    let identity = |rest: &str| format!("{IDENTITY}{rest}\n");
    check(&identity("algorithms = [\"RS256\", \"HS256\"]"), &["interdict.toml:4:24: ", "HS256", "shared secret"]);
    check(&identity("algorithms = [\"none\"]"), &["interdict.toml:4:15: ", "none"]);
    check(&identity("algorithms = []"), &["empty"]);
    check(&identity("jwks_url = \"http://keys.example/jwks\""), &["interdict.toml:4:12: ", "plain http"]);
    check(&identity("jwks_file = \"cert.pem\"\njwks_url = \"https://k\""), &["both"]);
    check("[identity]\nissuer = \"corp\"\naudience = \"a\"", &["interdict.toml:2:10: ", "corp", "https://"]);
    check("[identity]\nissuer = \"http://issuer.example\"\naudience = \"a\"", &["plain http"]);
    parse("[identity]\nissuer = \"http://127.0.0.1:8000\"\naudience = \"a\"").expect("loopback");
    parse("[identity]\nissuer = \"corp\"\njwks_file = \"cert.pem\"\naudience = \"a\"").expect("a file");
}

#[test]
fn listeners_that_would_leak_tokens_are_refused() {
    let open = "listen = \"0.0.0.0:8080\"";
    let http = http("").replace("listen = \"127.0.0.1:8080\"", open);
    check(&http, &["interdict.toml:7:10: ", "[tls]"]);
    parse(&http.replace(open, &format!("{open}\ntls = false"))).expect("said so");
    let credential = "credential = { account = \"app\", password_file = \"password\" }";
    check(&postgres(&format!("tls = false\n{credential}")), &["postgres", "tls = false"]);
    check(&postgres(credential).replace("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n", ""), &["[tls]"]);
    check(
        &postgres(credential).replace("cert.pem", "gone.pem"),
        &["interdict.toml:5:15: tls.certificate", "gone.pem"],
    );
}

#[test]
fn targets_that_cannot_work_are_refused() {
    let credential = |rest: &str| postgres(&format!("credential = {{ account = \"app\", {rest} }}"));
    check(&credential("password_file = \"gone\""), &["password_file gone", "No such file"]);
    check(&credential("password_file = \"open\""), &["password_file open", "mode 644", "chmod 600"]);
    check(&credential("password_file = \"empty\""), &["password_file empty", "empty"]);
    check(&credential("key_file = \"password\""), &["a postgres target needs"]);
    check(&postgres(""), &["a postgres target needs"]);
    check(&http("credential = { password_file = \"password\" }"), &["an http target takes"]);
    check(&http("credential = { header = \"a b\", value_file = \"password\" }"), &["\"a b\" is no header name"]);
    check(&http("host_key = \"x\""), &["host_key is for ssh"]);
    check(&http("upstream_tls = { mode = \"maybe\" }"), &["interdict.toml:9:", "maybe"]);
    check(&http("upstream_tls = { mode = \"off\", ca_file = \"cert.pem\" }"), &["ca_file has no use"]);
    check(&http("").replace("127.0.0.1:80\"", "127.0.0.1\""), &["interdict.toml:8:11: ", "not host:port"]);
    check(&http("").replace("\"127.0.0.1:80\"", "\"::1:80\""), &["not host:port"]);
    check(&http("").replace("\"http\"", "\"telnet\""), &["interdict.toml:6:12: ", "telnet"]);
    check(&http("").replace("\"http\"", "\"rdp\""), &["interdict.toml:6:12: ", "rdp is not served; use postgres"]);
    check(&http("").replace("\"http\"", "\"ssh\""), &["host_key", "key_file"]);
    let again =
        "[[target]]\nname = \"api\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:8080\"\naddress = \"127.0.0.1:80\"";
    check(
        &http(again),
        &["interdict.toml:10:8: the name \"api\" is used twice", "interdict.toml:12:10: another target listens"],
    );
    check(&http("[[inventory]]\nname = \"api\""), &["interdict.toml:10:8: the name \"api\" is used twice"]);
    check(&http("").replace("name = \"api\"", "name = \"a b\""), &["is not one word"]);
}

#[test]
fn masks_that_cannot_work_are_refused() {
    let credential = "credential = { account = \"app\", password_file = \"password\" }\ntags = [\"prod\"]\n";
    let mask = |rest: &str| postgres(&format!("{credential}[[mask]]\n{rest}\n"));
    let column = "table = \"users\"\ncolumn = \"password\"";
    let config = parse(&mask(&format!("tag = \"prod\"\n{column}"))).expect("valid");
    assert_eq!(config.mask.rules.iter().map(crate::mask::Rule::name).collect::<Vec<_>>(), ["public.users.password"]);
    check(&mask(column), &["for a target or for a tag"]);
    check(&mask(&format!("target = \"gone\"\n{column}")), &["there is no target \"gone\""]);
    check(&mask(&format!("tag = \"gone\"\n{column}")), &["no postgres target has the tag \"gone\""]);
    check(&mask("target = \"db\"\ntable = \"users\""), &["a table and a column, or for json"]);
    check(&mask("target = \"db\"\njson = \"a.b\""), &["json is for http"]);
    check(&mask("target = \"db\"\ntable = \"a.b.c\"\ncolumn = \"d\""), &["is no name"]);
    check(&mask("target = \"db\"\ntable = \"a'b\"\ncolumn = \"d\""), &["is no name"]);
    check(&mask(&format!("target = \"db\"\n{column}\nshape = \"host\"\nalphabet = \"hex\"")), &["alphabet"]);
    check(&mask(&format!("target = \"db\"\n{column}\nshape = \"host\"\nsuffix = \"internal\"")), &["a dot in front"]);
    check(&mask(&format!("target = \"db\"\n{column}\naction = \"pass\"")), &["pass"]);
    check(&http("[[mask]]\ntarget = \"api\"\njson = \"a..b\""), &["is no path"]);
    check(&http("[[mask]]\ntarget = \"api\"\njson = \"a\"\nunder = \"x\""), &["the beginning of a path"]);
    check(&http("[gateway]\ndecoy_key_file = \"gone\""), &["gateway.decoy_key_file", "gone"]);
}

#[test]
fn secrets_lose_the_end_of_their_line_and_stay_unseen() {
    let config = parse(&postgres("credential = { account = \"app\", password_file = \"password\" }")).expect("valid");
    assert!(!format!("{config:?}").contains("secret\\n") && !format!("{config:?}").contains("115, 101"));
}

#[test]
fn the_example_is_valid() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/example");
    let folder = tempfile::tempdir().expect("folder");
    let text = std::fs::read_to_string(deploy.join("interdict.toml")).expect("the example");
    for name in ["tls/cert.pem", "tls/key.pem", "tls/ca.pem", "secrets/orders", "secrets/id_ed25519", "secrets/api"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(&path, "x").expect("file");
        mode(&path, 0o600);
    }
    std::fs::create_dir(folder.path().join("policies")).expect("folder");
    let config = Config::parse(&text, &folder.path().join("interdict.toml")).expect("valid");
    let protocols: Vec<_> = config.targets.iter().map(|target| target.protocol).collect();
    assert_eq!(protocols, [Protocol::Postgres, Protocol::Ssh, Protocol::Http]);
    let policies = crate::policy::Policies::load(&deploy.join("policies"), &config.targets).expect("valid policies");
    assert!(!policies.is_empty());
}
