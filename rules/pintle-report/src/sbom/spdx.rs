//! SPDX 2.3 as JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use super::Material;
use super::generated::{Made, hex};
use super::names::{Purl, person};
use super::store::{self, StorePackage};
use crate::facts::{Facts, OutputFact};
use crate::inventory::Package;
use pintle_package::control::date::rfc3339;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::collections::BTreeMap;

const SYSTEM: &str = "SPDXRef-System";
const UNKNOWN: &str = "NOASSERTION";

/// The document, without its namespace and the images.
pub(super) fn document(material: &Material<'_>) -> Value {
    let Material { facts, inventory, made, .. } = material;
    let mut packages = vec![system(facts, made)];
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", SYSTEM)];
    let mut references: BTreeMap<&str, Value> = BTreeMap::new();
    let mut sources: BTreeMap<String, (&str, &str)> = BTreeMap::new();
    for (package, fact) in inventory.packages.iter().zip(facts.packages) {
        let id = package_id(package);
        relations.push(relation(SYSTEM, "CONTAINS", &id));
        for depends in &package.depends {
            relations.push(relation(&id, "DEPENDS_ON", &package_id(&inventory.packages[*depends])));
        }
        let source = source_id(package.source);
        relations.push(relation(&id, "GENERATED_FROM", &source));
        sources.insert(source, package.source);
        for reference in package.licence.iter().flat_map(|licence| &licence.references) {
            references.insert(
                &reference.id,
                json!({
                    "licenseId": reference.id, "name": reference.name, "extractedText": reference.text,
                }),
            );
        }
        packages.push(binary(material, package, &id, &fact.locked.sha256.to_string(), &fact.locked.path));
    }
    for locked in facts.paths {
        let package = StorePackage::new(locked);
        let id = store_id(package.hash());
        relations.push(relation(SYSTEM, "CONTAINS", &id));
        relations.extend(store::needs(locked).map(|hash| relation(&id, "DEPENDS_ON", &store_id(hash))));
        packages.push(store_path(&package, &id));
    }
    packages.extend(sources.iter().map(|(id, source)| source_package(material, id, *source)));
    let mut files = Vec::new();
    for (number, made) in made.iter().enumerate() {
        let id = format!("SPDXRef-File-{}", number + 1);
        relations.push(relation(SYSTEM, "CONTAINS", &id));
        files.push(json!({
            "SPDXID": id, "fileName": format!(".{}", made.path), "comment": made.by,
            "checksums": [
                {"algorithm": "SHA1", "checksumValue": made.sha1},
                {"algorithm": "SHA256", "checksumValue": made.sha256.to_string()},
            ],
            "licenseConcluded": UNKNOWN, "copyrightText": UNKNOWN,
        }));
    }
    json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{}-{}", facts.system.name, facts.system.version),
        "creationInfo": {
            "created": rfc3339(facts.epoch),
            "creators": [format!("Tool: pintle-{}", facts.pintle)],
        },
        "packages": packages, "files": files, "relationships": relations,
        "hasExtractedLicensingInfos": references.into_values().collect::<Vec<_>>(),
    })
}

fn store_id(hash: &str) -> String {
    format!("SPDXRef-StorePath-{hash}")
}

fn store_path(package: &StorePackage<'_>, id: &str) -> Value {
    let mut value = json!({
        "SPDXID": id, "name": package.name, "packageFileName": package.path,
        "comment": format!("SHA-256 of the path as a Nix archive: {}", package.nar),
        "filesAnalyzed": false, "downloadLocation": UNKNOWN, "copyrightText": UNKNOWN, "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.purl(),
        }],
    });
    if let Some(version) = package.version {
        value["versionInfo"] = version.into();
    }
    value
}

/// Adds the files that hold the system, after it.
pub(super) fn add_images(document: &mut Value, outputs: &[OutputFact]) {
    let (mut packages, mut relations) = (Vec::new(), Vec::new());
    for output in outputs {
        let id = format!("SPDXRef-Image-{}", plain(&output.file));
        relations.push(relation("SPDXRef-DOCUMENT", "DESCRIBES", &id));
        relations.push(relation(&id, "CONTAINS", SYSTEM));
        packages.push(image(&id, output));
    }
    for (list, new) in [("packages", packages), ("relationships", relations)] {
        if let Some(list) = document[list].as_array_mut() {
            list.splice(1..1, new);
        }
    }
}

/// Gives the document its own name (6.5).
pub(super) fn name(document: &mut Value, facts: &Facts<'_>, uuid: &str) {
    let system = facts.system;
    let space =
        format!("https://spdx.org/spdxdocs/{}-{}-{uuid}", plain(&system.name), plain(&system.version));
    document["documentNamespace"] = space.into();
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

/// Letters, digits, `.` and `-` (3.2).
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// Debian's names have lower-case letters only, so `P` for `+` keeps them apart.
fn package_id(package: &Package<'_>) -> String {
    format!("SPDXRef-Package-{}", plain(&package.name.replace('+', "P")))
}

fn source_id((name, version): (&str, &str)) -> String {
    format!(
        "SPDXRef-Source-{}-{}",
        plain(&name.replace('+', "P")),
        plain(&version.replace('+', "P").replace('~', "T").replace(':', "C"))
    )
}

/// The system itself: its files are those that no package brought.
fn system(facts: &Facts<'_>, made: &[Made]) -> Value {
    json!({
        "SPDXID": SYSTEM, "name": facts.system.name, "versionInfo": facts.system.version,
        "primaryPackagePurpose": "OPERATING-SYSTEM", "filesAnalyzed": !made.is_empty(),
        "packageVerificationCode": (!made.is_empty()).then(|| json!({
            "packageVerificationCodeValue": verification_code(made),
        })),
        "downloadLocation": UNKNOWN, "licenseConcluded": UNKNOWN, "licenseDeclared": UNKNOWN, "copyrightText": UNKNOWN,
    })
}

/// 7.9: SHA-1 over the sorted SHA-1 digests of the files.
fn verification_code(made: &[Made]) -> String {
    let mut digests: Vec<&str> = made.iter().map(|made| made.sha1.as_str()).collect();
    digests.sort_unstable();
    hex(&Sha1::digest(digests.concat()))
}

fn image(id: &str, output: &OutputFact) -> Value {
    let mut value = json!({
        "SPDXID": id, "name": output.file, "packageFileName": output.file, "primaryPackagePurpose": "ARCHIVE",
        "comment": format!("disk image, {} bytes", output.size),
        "filesAnalyzed": false,
        "downloadLocation": UNKNOWN, "licenseConcluded": UNKNOWN, "licenseDeclared": UNKNOWN, "copyrightText": UNKNOWN,
    });
    if let Some(sha256) = &output.sha256 {
        value["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": sha256.to_string()}]);
    }
    value
}

fn binary(material: &Material<'_>, package: &Package<'_>, id: &str, sha256: &str, path: &str) -> Value {
    let purl = Purl {
        name: package.name,
        version: package.version,
        arch: package.arch,
        distro: material.distro,
        source: Some(package.source),
    };
    let mut value = json!({
        "SPDXID": id, "name": package.name, "versionInfo": package.version,
        "packageFileName": path.rsplit('/').next().unwrap_or(path),
        "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}],
        "supplier": package.maintainer.map_or_else(|| UNKNOWN.to_owned(), supplier),
        "sourceInfo": format!("built from source package {} {}", package.source.0, package.source.1),
        "summary": package.summary,
        "filesAnalyzed": false, "downloadLocation": UNKNOWN, "copyrightText": UNKNOWN, "licenseConcluded": UNKNOWN,
        "licenseDeclared": package.licence.as_ref().map_or(UNKNOWN, |licence| licence.expression.as_str()),
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl.text(),
        }],
    });
    if let Some(page) = package.homepage.filter(|page| page.starts_with("http")) {
        value["homepage"] = page.into();
    }
    if package.boot {
        value["comment"] = "not installed: parts of it are in the boot chain".into();
    }
    value
}

fn source_package(material: &Material<'_>, id: &str, (name, version): (&str, &str)) -> Value {
    let purl = Purl { name, version, arch: "source", distro: material.distro, source: None };
    json!({
        "SPDXID": id, "name": name, "versionInfo": version, "primaryPackagePurpose": "SOURCE", "filesAnalyzed": false,
        "downloadLocation": UNKNOWN, "licenseConcluded": UNKNOWN, "licenseDeclared": UNKNOWN, "copyrightText": UNKNOWN,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl.text(),
        }],
    })
}

/// 7.5. Debian does not say whether a maintainer is a person; teams mostly say so in their names.
fn supplier(maintainer: &str) -> String {
    const TEAMS: [&str; 8] =
        ["team", "maintainers", "group", "developers", "debian", "project", "packagers", "task force"];
    let (name, address) = person(maintainer);
    let lower = name.to_lowercase();
    let kind = if TEAMS.iter().any(|word| lower.contains(word)) { "Organization" } else { "Person" };
    match address {
        Some(address) if !address.is_empty() => format!("{kind}: {name} ({address})"),
        _ => format!("{kind}: {name}"),
    }
}
