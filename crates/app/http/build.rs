//! Puts the built console (`web/dist`) into the server. Without it the server
//! shows a page that says so; nothing here needs Node.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::Digest as _;

fn main() -> std::io::Result<()> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = root.join("../../../web/dist");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo:rerun-if-changed=build.rs");
    // While there is no console this runs at every build: its appearance must not be missed.
    println!("cargo:rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let plain = std::fs::read(path)?;
        let packed = out.join(format!("asset-{number}.gz"));
        std::fs::write(&packed, gzip(&plain)?)?;
        let tag: String =
            sha2::Sha256::digest(&plain)
                .iter()
                .take(16)
                .fold(String::new(), |mut tag, byte| {
                    let _ = write!(tag, "{byte:02x}");
                    tag
                });
        let _ = writeln!(
            table,
            "Asset {{ path: {name:?}, tag: {tag:?}, plain: include_bytes!({path:?}), gzip: include_bytes!({packed:?}) }},",
        );
    }
    table.push(']');
    std::fs::write(out.join("assets.rs"), table)
}

fn collect(top: &Path, dir: &Path, files: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo:rerun-if-changed={}", path.display());
            collect(top, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(top) {
            println!("cargo:rerun-if-changed={}", path.display());
            let name = relative.to_string_lossy().replace('\\', "/");
            files.push((name, path.canonicalize()?));
        }
    }
    Ok(())
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    // A fixed header (no time, no name), so that equal input gives an equal server.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
