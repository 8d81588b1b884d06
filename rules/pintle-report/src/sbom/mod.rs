//! Software bills of materials. The same build gives the same bytes: identifiers are made from the content, and the
//! time is that of the image.

mod cyclonedx;
mod generated;
mod names;
mod spdx;
mod store;

pub(crate) use names::encode;

use crate::facts::Facts;
use crate::inventory::Inventory;
use pintle_model::SbomFormat;
use serde_json::Value;
use std::io;
use uuid::Uuid;

/// Why there is no bill of materials.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a file of the image for its bill of materials")]
pub struct SbomError(#[source] io::Error);

/// Writes one in each of `formats`.
///
/// # Errors
/// [`SbomError`].
pub fn sbom(
    facts: &Facts<'_>,
    inventory: &Inventory<'_>,
    formats: &[SbomFormat],
) -> Result<Vec<(SbomFormat, Vec<u8>)>, SbomError> {
    if formats.is_empty() {
        return Ok(Vec::new());
    }
    let made = generated::files(facts).map_err(SbomError)?;
    let material = Material { facts, inventory, made: &made, distro: distro(facts) };
    let document = |format: &SbomFormat| match format {
        SbomFormat::Spdx => (*format, spdx::document(&material)),
        SbomFormat::CycloneDx => (*format, cyclonedx::document(&material)),
    };
    let documents: Vec<(SbomFormat, Value)> = formats.iter().map(document).collect();
    // Now that all else is done, there may be something to wait for.
    let outputs = facts.outputs.wait();
    let write = |(format, mut document)| {
        match format {
            SbomFormat::Spdx => spdx::add_images(&mut document, outputs),
            SbomFormat::CycloneDx => cyclonedx::add_images(&mut document, outputs),
        }
        // What the document says decides its name.
        let said = serde_json::to_vec(&document).expect("invariant: JSON values have string keys");
        let name = Uuid::new_v5(&NAMESPACE, &said).hyphenated().to_string();
        match format {
            SbomFormat::Spdx => spdx::name(&mut document, facts, &name),
            SbomFormat::CycloneDx => cyclonedx::name(&mut document, &name),
        }
        (format, text(&document))
    };
    Ok(documents.into_iter().map(write).collect())
}

/// Of names of bills of materials; drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b1d_3c52_9a0e_4f6b_8c11_52e0_6f0d_a7c9);

/// What documents are written from.
pub(crate) struct Material<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) inventory: &'a Inventory<'a>,
    pub(crate) made: &'a [generated::Made],
    /// The base suite.
    pub(crate) distro: &'a str,
}

fn distro<'a>(facts: &Facts<'a>) -> &'a str {
    let debian = &facts.system.source.debian;
    debian.suites.first().map_or("", |suite| suite.name.as_str())
}

fn text(document: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("invariant: JSON values have string keys");
    text.push(b'\n');
    text
}
