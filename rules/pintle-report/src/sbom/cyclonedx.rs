//! CycloneDX 1.6 as JSON (ECMA-424, <https://cyclonedx.org/docs/1.6/json/>).

use super::Material;
use super::names::{Purl, person};
use super::store::{self, StorePackage};
use crate::facts::OutputFact;
use crate::inventory::Package;
use pintle_package::control::date::rfc3339;
use serde_json::{Value, json};

const SYSTEM: &str = "system";

/// Adds the files that hold the system, after all other components.
pub(super) fn add_images(document: &mut Value, outputs: &[OutputFact]) {
    let image = |output: &OutputFact| {
        let mut value = json!({
            "type": "file", "bom-ref": format!("image:{}", output.file), "name": output.file,
            "description": "disk image of the system",
            "properties": [property("pintle:size", &output.size.to_string())],
        });
        if let Some(sha256) = &output.sha256 {
            value["hashes"] = json!([{"alg": "SHA-256", "content": sha256.to_string()}]);
        }
        value
    };
    if let Some(components) = document["components"].as_array_mut() {
        components.extend(outputs.iter().map(image));
    }
}

/// The document, without its serial number and the images.
pub(super) fn document(material: &Material<'_>) -> Value {
    let facts = material.facts;
    let list = &material.inventory.packages;
    let purls: Vec<String> = list.iter().map(|package| purl(material, package)).collect();
    let mut components: Vec<Value> = list
        .iter()
        .zip(facts.packages)
        .zip(&purls)
        .map(|((package, fact), purl)| component(material, package, purl, &fact.locked.sha256.to_string()))
        .collect();
    components.extend(facts.paths.iter().map(|locked| store_path(&StorePackage::new(locked))));
    components.extend(material.made.iter().map(|made| {
        json!({
            "type": "file", "bom-ref": format!("file:{}", made.path), "name": made.path,
            "hashes": [{"alg": "SHA-256", "content": made.sha256.to_string()}],
            "properties": [property("pintle:origin", &made.by), property("pintle:size", &made.len.to_string())],
        })
    }));
    let store_paths = facts.paths.iter().map(|locked| store_ref(store::hash(&locked.path)));
    let top: Vec<String> = purls.iter().cloned().chain(store_paths).collect();
    let mut dependencies = vec![json!({"ref": SYSTEM, "dependsOn": top})];
    dependencies.extend(facts.paths.iter().map(|locked| {
        let depends: Vec<String> = store::needs(locked).map(store_ref).collect();
        json!({"ref": store_ref(store::hash(&locked.path)), "dependsOn": depends})
    }));
    for (package, purl) in list.iter().zip(&purls) {
        let depends: Vec<&String> = package.depends.iter().map(|depends| &purls[*depends]).collect();
        dependencies.push(json!({"ref": purl, "dependsOn": depends}));
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": rfc3339(facts.epoch), "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "pintle", "version": facts.pintle}]},
            "component": {
                "type": "operating-system", "bom-ref": SYSTEM,
                "name": facts.system.name, "version": facts.system.version,
            },
        },
        "components": components, "dependencies": dependencies,
    })
}

fn store_ref(hash: &str) -> String {
    format!("store:{hash}")
}

fn store_path(package: &StorePackage<'_>) -> Value {
    let mut value = json!({
        "type": "library", "bom-ref": store_ref(package.hash()), "name": package.name, "purl": package.purl(),
        "scope": "required",
        "properties": [property("nix:out_path", package.path), property("nix:nar_sha256", &package.nar)],
    });
    if let Some(version) = package.version {
        value["version"] = version.into();
    }
    value
}

/// Gives the document its own name.
pub(super) fn name(document: &mut Value, uuid: &str) {
    document["serialNumber"] = format!("urn:uuid:{uuid}").into();
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn purl(material: &Material<'_>, package: &Package<'_>) -> String {
    let source = Some(package.source);
    let Package { name, version, arch, .. } = *package;
    Purl { name, version, arch, distro: material.distro, source }.text()
}

fn component(material: &Material<'_>, package: &Package<'_>, purl: &str, sha256: &str) -> Value {
    let (name, version) = package.source;
    let source = Purl { name, version, arch: "source", distro: material.distro, source: None }.text();
    let mut value = json!({
        "type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl,
        "description": package.summary,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "scope": "required",
        "pedigree": {"ancestors": [{"type": "library", "name": name, "version": version, "purl": source}]},
        "properties": [
            property("pintle:architecture", package.arch),
            property("pintle:role", if package.boot { "boot" } else { "system" }),
        ],
    });
    if let Some(maintainer) = package.maintainer {
        let (name, address) = person(maintainer);
        let contact = match address.filter(|address| address.contains('@')) {
            Some(address) => json!([{"name": name, "email": address}]),
            None => json!([{"name": name}]),
        };
        value["supplier"] = json!({"name": name, "contact": contact});
    }
    if let Some(licence) = &package.licence {
        value["licenses"] = json!([{"expression": licence.expression, "acknowledgement": "declared"}]);
    }
    if let Some(page) = package.homepage.filter(|page| page.starts_with("http")) {
        value["externalReferences"] = json!([{"type": "website", "url": page}]);
    }
    value
}
