//! Container images: the documents of an OCI image layout with one layer. Source: OCI Image Format Specification 1.1,
//! `image-layout.md`, `manifest.md`, `config.md`.

use crate::control::date::rfc3339;
use pintle_model::{Arch, Digest};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Media type of a layer that is a gzip-compressed tar.
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The file that marks a layout, `oci-layout`.
pub const LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// How a container of the image runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Run {
    /// User by name; none: root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Ports it listens on (`80/tcp`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Nothing>,
    /// Environment, `NAME=VALUE`.
    pub env: Vec<String>,
    /// The command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Signal that ends it; none: SIGTERM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// An empty object, which the format has in place of sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Nothing {}

/// What an image is made from.
#[derive(Clone, Debug)]
pub struct Image {
    /// Architecture.
    pub arch: Arch,
    /// Time, seconds since 1970.
    pub epoch: i64,
    /// Name of the image in the layout: `NAME:TAG` without the name, so the tag.
    pub tag: String,
    /// How it runs.
    pub run: Run,
}

/// The only layer.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// Digest of the compressed tar, which names its blob.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// Digest of the tar itself.
    pub diff_id: Digest,
}

/// The documents of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// `blobs/sha256/…`, the configuration.
    pub config: Vec<u8>,
    /// `blobs/sha256/…`, the manifest.
    pub manifest: Vec<u8>,
    /// `index.json`.
    pub index: Vec<u8>,
}

impl Documents {
    /// Of an image with `layer`.
    #[must_use]
    pub fn new(image: &Image, layer: &Layer) -> Self {
        let arch = match image.arch {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        };
        let created = rfc3339(image.epoch);
        let config = bytes(&json!({
            "architecture": arch,
            "config": image.run,
            "created": created,
            "history": [{"created": created, "created_by": "pintle"}],
            "os": "linux",
            "rootfs": {"diff_ids": [named(layer.diff_id)], "type": "layers"},
        }));
        let blob = |kind: &str, digest: Digest, size: u64| json!({"digest": named(digest), "mediaType": kind, "size": size});
        let manifest = bytes(&json!({
            "config": blob(CONFIG_TYPE, Digest::of(&config), config.len() as u64),
            "layers": [blob(LAYER_TYPE, layer.digest, layer.size)],
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }));
        let mut entry = blob(MANIFEST_TYPE, Digest::of(&manifest), manifest.len() as u64);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": image.tag});
        entry["platform"] = json!({"architecture": arch, "os": "linux"});
        let index = bytes(&json!({"manifests": [entry], "mediaType": INDEX_TYPE, "schemaVersion": 2}));
        Self { config, manifest, index }
    }
}

/// Keys are in the order of their names, so the same document has the same bytes.
fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

fn named(digest: Digest) -> String {
    format!("sha256:{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_pinned() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let run = Run {
            env: vec!["PATH=/usr/bin".to_owned()],
            cmd: vec!["/sbin/init".to_owned()],
            stop_signal: Some("SIGRTMIN+3".to_owned()),
            ..Run::default()
        };
        let image = Image { arch: Arch::Amd64, epoch: 0, tag: "1".to_owned(), run };
        let layer = Layer { digest: digest("packed"), size: 6, diff_id: digest("plain") };
        let documents = Documents::new(&image, &layer);
        insta::assert_snapshot!(String::from_utf8(documents.config).unwrap(), @r#"{"architecture":"amd64","config":{"Cmd":["/sbin/init"],"Env":["PATH=/usr/bin"],"Labels":{},"StopSignal":"SIGRTMIN+3"},"created":"1970-01-01T00:00:00Z","history":[{"created":"1970-01-01T00:00:00Z","created_by":"pintle"}],"os":"linux","rootfs":{"diff_ids":["sha256:a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475"],"type":"layers"}}"#);
        insta::assert_snapshot!(String::from_utf8(documents.manifest).unwrap(), @r#"{"config":{"digest":"sha256:01f36cc24a0e86c70aa833d58b6b22fe51e817eedd0678bf6f95c171ace8675e","mediaType":"application/vnd.oci.image.config.v1+json","size":347},"layers":[{"digest":"sha256:88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":6}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#);
        insta::assert_snapshot!(String::from_utf8(documents.index).unwrap(), @r#"{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"1"},"digest":"sha256:dedf78944032835af5ba3289454b52a4ee8e7326a1848cb26771a7f892f1f814","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"amd64","os":"linux"},"size":399}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#);
    }
}
