//! What logs come wrapped in: archives, compression, and a mark before the first byte.

use crate::import::{options, read, sample, samples};
use interdict_queries::import::Error;
use std::io::Write as _;

fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[136..147].copy_from_slice(format!("{:011o}", 1_772_445_600).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = if name.ends_with('/') { b'5' } else { b'0' };
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        out.extend(header);
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("compresses");
    out.finish().expect("compresses")
}

#[test]
fn archive_is_read_as_the_files_in_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (trail, auth) = (sample("cloudtrail.json"), sample("auth-iso.log"));
    let archive = tar(&[
        ("logs/", Vec::new()),
        ("logs/a.json", trail.clone()),
        ("logs/empty", Vec::new()),
        ("logs/photo", b"\xff\xd8\xff\n".to_vec()),
        ("logs/auth.log", auth),
    ]);
    let alone = [("cloudtrail.json"), ("auth-iso.log")]
        .map(|name| read(&[&samples().join(name)], options(None)).events.len());
    for (name, bytes) in [
        ("all.tar", archive.clone()),
        ("all.tar.gz", gzip(&archive)),
        ("all.TGZ", gzip(&archive)),
        ("all.tar.zst", zstd::encode_all(archive.as_slice(), 1).expect("compresses")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        let found = read(&[&path], options(None));
        assert_eq!(found.events.len(), alone.iter().sum::<usize>(), "{name}");
        let faults: Vec<_> = found.faults.iter().map(ToString::to_string).collect();
        assert!(faults[0].contains(":logs/photo:1: this member's format is not recognised"), "{faults:?}");
    }
    let cut = folder.path().join("cut.tar");
    std::fs::write(&cut, &archive[..archive.len() / 2]).expect("writes");
    let last = read(&[&cut], options(None)).faults.pop().expect("an error");
    assert!(matches!(last, Error::Read { .. }), "{last}");
    let none = folder.path().join("none.tar");
    std::fs::write(&none, vec![7_u8; 2048]).expect("writes");
    let last = read(&[&none], options(None)).faults.pop().expect("an error");
    assert!(last.to_string().contains("no tar archive"), "{last}");
}

#[test]
fn what_some_editors_put_before_the_first_line_costs_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["ocsf.jsonl", "kubernetes.jsonl", "lanl-auth.txt", "conn.log", "cloudtrail.json"] {
        let (plain, marked) = (folder.path().join(name), folder.path().join(format!("marked-{name}")));
        std::fs::write(&plain, sample(name)).expect("written");
        std::fs::write(&marked, [b"\xef\xbb\xbf", sample(name).as_slice()].concat()).expect("written");
        let [plain, marked] = [&plain, &marked].map(|file| read(&[file], options(None)));
        assert!(!plain.events.is_empty());
        assert_eq!((marked.events.len(), marked.faults.len()), (plain.events.len(), plain.faults.len()), "{name}");
    }
}
