//! Lays a plan out on a mounted volume.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::plan::{Content, Kind, Node, Plan};

const ACL: &str = "system.ntfs_acl";
const ATTRIBUTES: &str = "system.ntfs_attrib_be";
const REPARSE: &str = "system.ntfs_reparse_data";
const SHORT_NAME: &str = "system.ntfs_dos_name";
const OBJECT_ID: &str = "system.ntfs_object_id";

/// Writes every node below `root`, the root's own descriptor last.
pub(super) fn lay_out(plan: &Plan, root: &Path) -> Result<()> {
    for node in &plan.nodes {
        let path = root.join(&node.path);
        put(plan, node, root, &path).with_context(|| format!("writing {}", node.path))?;
    }
    xattr::set(root, ACL, &plan.descriptors[plan.root])
        .context("setting the descriptor of the root")?;
    Ok(())
}

fn put(plan: &Plan, node: &Node, root: &Path, path: &Path) -> Result<()> {
    match &node.kind {
        Kind::Directory | Kind::ReparseDirectory(_) => fs::create_dir(path)?,
        Kind::File(content) => write_new(path, content)?,
        Kind::ReparseFile(_) => drop(File::create_new(path)?),
        Kind::HardLink(to) => fs::hard_link(root.join(to), path)?,
    }
    for (name, content) in &node.streams {
        let mut stream = path.as_os_str().to_owned();
        stream.push(":");
        stream.push(name);
        write_new(Path::new(&stream), content).with_context(|| format!("stream {name}"))?;
    }
    if let Some(name) = &node.short_name {
        xattr::set(path, SHORT_NAME, name.as_bytes())
            .with_context(|| format!("short name {name}"))?;
    }
    if let Some(id) = &node.object_id {
        xattr::set(path, OBJECT_ID, id).context("object id")?;
    }
    if let Some(descriptor) = node.descriptor {
        xattr::set(path, ACL, &plan.descriptors[descriptor]).context("descriptor")?;
    }
    if node.attributes != 0 {
        xattr::set(path, ATTRIBUTES, &node.attributes.to_be_bytes()).context("attributes")?;
    }
    // Last: from here on the node looks like a symbolic link from outside.
    if let Kind::ReparseDirectory(data) | Kind::ReparseFile(data) = &node.kind {
        xattr::set(path, REPARSE, data).context("reparse data")?;
    }
    Ok(())
}

fn write_new(path: &Path, content: &Content) -> Result<()> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    let (at, bytes) = content.bytes();
    file.write_all_at(&bytes, at)?;
    Ok(())
}
