//! SSH through the gateway with OpenSSH's own client and server.

#[path = "ssh/bed.rs"]
mod bed;

use anyhow::{Context, ensure};
use bed::{Bed, Options, USUAL};
use interdict_schemas::{Kind, Status, Stream};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

const PATIENCE: Duration = Duration::from_secs(60);

async fn exec(bed: &Bed, token: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = bed.ssh(token)?.args(arguments).output();
    tokio::time::timeout(PATIENCE, output).await.context("ssh hangs")?.context("ssh: install Debian's openssh-client")
}

fn check(output: &Output, status: i32, stdout: &str, stderr: &str) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "stdout {out:?} stderr {err:?}");
    assert_eq!(out, stdout, "stderr {err:?}");
    assert!(err.contains(stderr), "stderr {err:?} lacks {stderr:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_and_end_as_they_would_without_a_gateway() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let token = bed.token("dana")?;
    check(&exec(&bed, &token, &["echo out; echo err >&2; exit 3"]).await?, 3, "out\n", "err\n");
    check(
        &exec(&bed, &token, &["echo the way is bastion-3.internal"]).await?,
        0,
        "the way is bastion-3.internal\n",
        "",
    );
    let killed = exec(&bed, &token, &["kill -TERM $$"]).await?;
    ensure!(killed.status.code() == Some(255), "{killed:?}");
    let closed = bed.event(|kind| matches!(kind, Kind::Closed(closed) if closed.actions == 1)).await?;
    assert!(matches!(closed.kind, Kind::Closed(closed) if closed.reason == "client" && closed.denied == 0));
    let taught =
        bed.events().await?.into_iter().find(|event| !event.disclosures.is_empty()).context("no disclosure")?;
    assert_eq!(taught.disclosures[0].target.as_deref(), Some("bastion-3"));
    bed.event(|kind| {
        matches!(kind, Kind::Resulted { outcome, .. } if outcome.status == Status::Failure && outcome.code == "3" && outcome.bytes_out == 8)
    })
    .await?;
    bed.event(|kind| matches!(kind, Kind::Resulted { outcome, .. } if outcome.code == "SIGTERM")).await?;
    assert!(bed.recorded(Stream::Header).await?.contains(r#""version":3"#));
    assert!(bed.recorded(Stream::Output).await?.contains("the way is bastion-3.internal\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_cross_both_ways_at_once() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let sent: Vec<u8> = (0..10_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut ssh = bed.ssh(&bed.token("dana")?)?.arg("cat").stdin(Stdio::piped()).spawn()?;
    let (mut stdin, mut stdout) = (ssh.stdin.take().context("stdin")?, ssh.stdout.take().context("stdout")?);
    let mut received = Vec::new();
    let both = async {
        tokio::try_join!(
            async {
                stdin.write_all(&sent).await?;
                drop(stdin);
                Ok(())
            },
            stdout.read_to_end(&mut received)
        )
    };
    tokio::time::timeout(PATIENCE, both).await.context("the two directions wait for each other")??;
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
    assert!(ssh.wait().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_command_leaves_the_connection_usable() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let token = bed.token("dana")?;
    let socket = format!("ControlPath={}", bed.path().join("mux").display());
    let mux = ["-o", &socket, "-o", "ControlMaster=auto", "-o", "ControlPersist=60"];
    let through = |command| [&mux[..], &[command]].concat();
    check(&exec(&bed, &token, &through("echo 1")).await?, 0, "1\n", "");
    check(&exec(&bed, &token, &through("sudo shutdown now")).await?, 126, "", "interdict: denied: ");
    check(&exec(&bed, &token, &through("echo 2")).await?, 0, "2\n", "");
    exec(&bed, &token, &["-o", &socket, "-O", "exit"]).await?;
    let closed = bed.event(|kind| matches!(kind, Kind::Closed(_))).await?;
    assert!(matches!(closed.kind, Kind::Closed(closed) if closed.actions == 3 && closed.denied == 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_its_terminal() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let mut ssh = bed.ssh(&bed.token("dana")?)?.arg("-tt").env("TERM", "vt100").stdin(Stdio::piped()).spawn()?;
    let mut stdin = ssh.stdin.take().context("stdin")?;
    stdin.write_all(b"tty; echo $TERM; exit 4\n").await?;
    let output = tokio::time::timeout(PATIENCE, ssh.wait_with_output()).await??;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("/dev/pts/") && text.contains("vt100\r\n"), "{text:?}");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(bed.acted().await?, [("shell".to_owned(), true)]);
    assert!(bed.recorded(Stream::Header).await?.contains("vt100"));
    assert_eq!(bed.recorded(Stream::Input).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forwards_and_subsystems_are_refused_and_recorded() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let token = bed.token("dana")?;
    let forward = exec(&bed, &token, &["-W", "db.internal:5432"]).await?;
    assert!(!forward.status.success());
    check(&exec(&bed, &token, &["-s", "sftp"]).await?, 126, "", "does not serve the subsystem sftp");
    let remote =
        exec(&bed, &token, &["-o", "ExitOnForwardFailure=yes", "-R", "8080:localhost:80", "echo hi"]).await?;
    assert!(!remote.status.success());
    let acted = bed.acted().await?;
    for text in ["db.internal:5432", "subsystem sftp", "localhost:8080 back to the client"] {
        assert!(acted.contains(&(text.to_owned(), false)), "{text} is not in {acted:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    check(&exec(&bed, "not-a-token", &["id"]).await?, 255, "", "Permission denied");
    check(&exec(&bed, &bed.token("eve")?, &["id"]).await?, 77, "", "interdict: refused: access denied (policy)");
    let keys = exec(&bed, &bed.token("dana")?, &["-o", "PreferredAuthentications=password", "echo password"]).await?;
    check(&keys, 0, "password\n", "");
    bed.event(|kind| matches!(kind, Kind::Refused(refused) if refused.reason == "policy")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_is_named() -> anyhow::Result<()> {
    let bed = Bed::start(Options { wrong_pin: true, ..USUAL }).await?;
    check(&exec(&bed, &bed.token("dana")?, &["id"]).await?, 255, "", "host key does not match the pinned one");
    let closed = bed.event(|kind| matches!(kind, Kind::Closed(_))).await?;
    assert!(
        matches!(closed.kind, Kind::Closed(closed) if closed.reason == "target" && closed.detail.contains("pinned"))
    );
    let bed = Bed::start(Options { target_down: true, ..USUAL }).await?;
    check(&exec(&bed, &bed.token("dana")?, &["id"]).await?, 255, "", "target host-1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_cuts_an_idle_session() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    let token = bed.token("dana")?;
    let mut ssh = bed.ssh(&token)?.arg("echo up; sleep 600").spawn()?;
    let mut stdout = BufReader::new(ssh.stdout.take().context("stdout")?);
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await??;
    assert_eq!(line, "up\n");
    let began = Instant::now();
    bed.stop("dana").await?;
    let mut rest = String::new();
    let mut stderr = ssh.stderr.take().context("stderr")?;
    tokio::time::timeout(PATIENCE, stderr.read_to_string(&mut rest)).await??;
    let took = began.elapsed();
    assert!(rest.contains("interdict: session ended: ") && rest.contains("a pivot was seen"), "{rest:?}");
    assert_eq!(ssh.wait().await?.code(), Some(255));
    measured(took);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let closed = bed.event(|kind| matches!(kind, Kind::Closed(_))).await?;
    assert!(matches!(closed.kind, Kind::Closed(closed) if closed.reason == "verdict"));
    check(&exec(&bed, &token, &["id"]).await?, 77, "", "a pivot was seen");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_no_session() -> anyhow::Result<()> {
    let bed = Bed::start(USUAL).await?;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff", &[0; 100_000]] {
        let mut stream = tokio::net::TcpStream::connect(bed.address()).await?;
        // The gateway may be done with us before we are.
        let _sent = stream.write_all(garbage).await;
        let mut answer = Vec::new();
        let _ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await?;
    }
    assert_eq!(bed.events().await?.len(), 0);
    check(&exec(&bed, &bed.token("dana")?, &["echo still here"]).await?, 0, "still here\n", "");
    Ok(())
}

/// Shown by `cargo test -- --nocapture`.
fn measured(took: Duration) {
    println!("verdict to the end of ssh: {took:?}");
}
