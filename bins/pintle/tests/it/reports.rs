//! What stands beside an image: bills of materials before the validators of their makers, and the page in a browser.

use crate::common::{checkout, finish, pintle, succeed, web};
use crate::toy::{Toy, base};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A report of the web server.
fn beside(name: &str) -> PathBuf {
    web().image.with_file_name(name)
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&fs::read(beside(name)).unwrap()).unwrap()
}

/// Python with the makers' own validators, installed once into a folder of the tests.
fn validators() -> &'static Path {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sbom-validators-1");
        let done = folder.join("ready");
        if !done.exists() {
            drop(fs::remove_dir_all(&folder));
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            let wanted = ["spdx-tools==0.8.5", "cyclonedx-python-lib[json-validation]==11.12.0"];
            succeed(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(wanted));
            fs::write(&done, "").unwrap();
        }
        folder.join("bin")
    })
}

const CYCLONEDX: &str = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(found)[:2000] if found else 0)";

#[test]
fn the_makers_of_the_formats_accept_our_bills_of_materials() {
    let python = validators().join("python");
    succeed(Command::new(&python).args(["-c", CYCLONEDX]).arg(beside("web.cdx.json")));
    succeed(Command::new(validators().join("pyspdxtools")).arg("-i").arg(beside("web.spdx.json")));
    // Both must be awake.
    let folder = tempfile::tempdir().unwrap();
    let (mut spdx, mut cyclonedx) = (document("web.spdx.json"), document("web.cdx.json"));
    spdx["packages"][3]["licenseDeclared"] = "GPL maybe".into();
    cyclonedx["components"][3]["type"] = "thing".into();
    let bad = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let refused = |command: &mut Command| assert!(!finish(command).status.success(), "{command:?}");
    refused(Command::new(&python).args(["-c", CYCLONEDX]).arg(bad("x.cdx.json", &cyclonedx)));
    refused(Command::new(validators().join("pyspdxtools")).arg("-i").arg(bad("x.spdx.json", &spdx)));
}

#[test]
fn bills_of_materials_name_everything() {
    let spdx = document("web.spdx.json");
    let packages = spdx["packages"].as_array().unwrap();
    let find =
        |id: &str| packages.iter().find(|package| package["SPDXID"] == id).unwrap_or_else(|| panic!("{id}"));
    let cyclonedx = document("web.cdx.json");
    let components = cyclonedx["components"].as_array().unwrap();
    for locked in web().manifest["packages"].as_array().unwrap() {
        let (name, version) = (locked["name"].as_str().unwrap(), locked["version"].as_str().unwrap());
        let package = find(&format!("SPDXRef-Package-{}", name.replace('+', "P").replace('_', "-")));
        assert_eq!(package["versionInfo"], version);
        assert_eq!(package["checksums"][0]["checksumValue"], locked["sha256"]);
        let purl = package["externalRefs"][0]["referenceLocator"].as_str().unwrap();
        assert!(purl.starts_with("pkg:deb/debian/") && purl.contains("distro=trixie"), "{purl}");
        let component = components.iter().find(|component| component["purl"] == purl).expect(purl);
        assert_eq!(component["hashes"][0]["content"], locked["sha256"]);
    }
    let image = web().manifest["outputs"][0].clone();
    assert_eq!(find("SPDXRef-Image-web.raw")["checksums"][0]["checksumValue"], image["sha256"]);
    assert_eq!(
        find("SPDXRef-Package-nginx")["licenseDeclared"],
        find("SPDXRef-Package-nginx-common")["licenseDeclared"]
    );
    assert_eq!(find("SPDXRef-Package-ca-certificates")["licenseDeclared"], "GPL-2.0-or-later AND MPL-2.0");
    let relations: BTreeSet<(&str, &str, &str)> = spdx["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["spdxElementId"].as_str().unwrap(),
                r["relationshipType"].as_str().unwrap(),
                r["relatedSpdxElement"].as_str().unwrap(),
            )
        })
        .collect();
    for relation in [
        ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image-web.raw"),
        ("SPDXRef-Image-web.raw", "CONTAINS", "SPDXRef-System"),
        ("SPDXRef-System", "CONTAINS", "SPDXRef-Package-nginx"),
        ("SPDXRef-Package-nginx", "DEPENDS_ON", "SPDXRef-Package-nginx-common"),
    ] {
        assert!(relations.contains(&relation), "{relation:?}");
    }
    // Most of Debian's copyright files are machine-readable; that of a package with another is not guessed.
    let known = packages.iter().filter(|p| p["licenseDeclared"] != "NOASSERTION").count();
    assert!(known * 10 > web().manifest["packages"].as_array().unwrap().len() * 8, "{known}");
    let files: Vec<&str> =
        spdx["files"].as_array().unwrap().iter().map(|f| f["fileName"].as_str().unwrap()).collect();
    assert!(files.contains(&"./etc/fstab") && files.contains(&"./srv/www/index.html"));
}

#[test]
fn what_is_written_can_be_chosen() {
    let toy = Toy::new(&base(), &[]);
    let names = |toy: &Toy| -> Vec<String> {
        crate::toy::listing(&toy.out())
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect()
    };
    succeed(toy.build().args(["--sbom", "none", "--no-report"]));
    assert_eq!(names(&toy), ["toy.json", "toy.raw"]);
    succeed(toy.build().args(["--sbom", "cyclonedx"]));
    assert_eq!(names(&toy), ["toy.cdx.json", "toy.html", "toy.json", "toy.raw"]);
    // The same build, the same bytes.
    let first = fs::read(toy.out().join("toy.cdx.json")).unwrap();
    succeed(toy.build().args(["--sbom", "cyclonedx"]));
    assert!(first == fs::read(toy.out().join("toy.cdx.json")).unwrap());
}

#[test]
fn size_says_the_same_of_definition_manifest_and_image() {
    let of = |target: &Path| succeed(pintle().args(["--json", "size"]).arg(target));
    let image = of(&web().image);
    assert_eq!(image, of(&beside("web.json")));
    assert_eq!(image, of(&web().folder));
    let report: Value = serde_json::from_str(&image).unwrap();
    let kernel = &report["packages"][0];
    assert!(kernel["name"].as_str().unwrap().starts_with("linux-image"), "{kernel}");
    let offered: Vec<&str> =
        report["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!(offered, ["locales", "docs", "man", "info", "static-libraries", "headers"]);
    assert!(report["advice"][0]["bytes"].as_u64().unwrap() > 10_000_000, "translations are large");
    let text = succeed(pintle().arg("size").arg(&web().image));
    assert!(text.contains("what would save most") && text.contains("[slim]"), "{text}");
}

/// Runs a copy of a page in a browser with `script` behind it, which writes what it finds into `document.title`;
/// errors of the page end up there too.
fn browse(page: &Path, script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(page).unwrap();
    // The page's own policy allows only its own script.
    let (start, rest) = text.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let rest = rest.split_once('>').unwrap().1;
    let watch = "<script>window.failed=[];onerror=m=>{failed.push(m)}</script>";
    let text = format!("{start}{watch}{rest}")
        .replace("</html>", &format!("<script>try{{{script}}}catch(e){{failed.push(String(e))}}if(failed.length)document.title='FAILED '+failed.join('; ')</script></html>"));
    let copy = folder.path().join("page.html");
    fs::write(&copy, text).unwrap();
    let shown = browser(&["--dump-dom", "--virtual-time-budget=5000", &format!("file://{}", copy.display())]);
    let title = shown
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .unwrap_or_else(|| panic!("{shown}"));
    title.0.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
}

fn browser(words: &[&str]) -> String {
    // Its sandbox needs user namespaces; the page is our own.
    let usual = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1000"];
    succeed(Command::new("chromium-headless-shell").args(usual).args(words))
}

#[test]
fn the_page_works_in_a_browser() {
    let page = beside("web.html");
    assert!(fs::metadata(&page).unwrap().len() < 1_500_000);
    let text = fs::read_to_string(&page).unwrap();
    for outside in ["src=", "<link", "url(", "@import", "href=\"http"] {
        assert!(!text.contains(outside), "nothing is loaded from elsewhere: {outside}");
    }
    let said = browse(&page, "
        const cells = () => document.querySelectorAll('#map .cell').length, before = cells();
        const crumbs = () => document.getElementById('crumbs').textContent;
        const out = [before > 100, crumbs()];
        document.querySelector('.cell.dir').click();
        out.push(crumbs(), cells() > 20, location.hash);
        document.querySelector('.cell').focus();
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Backspace', bubbles: true}));
        out.push(crumbs());
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
        out.push(document.activeElement.className.includes('cell'));
        document.querySelector('[data-view=p]').click();
        out.push(document.querySelector('.cell').getAttribute('aria-label').split(',')[0].slice(0, 11));
        document.querySelector('[data-view=i]').click();
        out.push(cells() > 20, document.querySelectorAll('#maptable tbody tr').length > 1);
        const shown = id => [...document.getElementById(id).tBodies[0].rows].filter(row => !row.hidden).length;
        const all = shown('packagetable'), box = document.querySelector('.filter[data-for=packagetable]');
        box.value = 'nginx'; box.oninput({target: box});
        out.push(all > 100, shown('packagetable') < 12);
        document.querySelector('[data-chip=timers]').click();
        out.push(shown('unittable') > 2);
        document.title = JSON.stringify(out);");
    let found: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let found = found.as_array().unwrap();
    let text = |index: usize| found[index].as_str().unwrap();
    assert!(text(1).starts_with("/ ") && text(2).starts_with("/›usr"), "{said}");
    assert_eq!(text(4), "#d/usr");
    assert!(text(5).starts_with("/ ") && text(7) == "linux-image", "{said}");
    assert!(found.iter().all(|value| value != &json!(false)), "{said}");
}

/// The layout itself: areas as asked, nothing overlaps, nothing outside, and no slivers where there need be none.
#[test]
fn the_map_is_laid_out_soundly() {
    let said = browse(&beside("web.html"), "
        const sets = [[1], [6, 6, 4, 3, 2, 2, 1], Array(500).fill(1), [1000, 1, 1, 1], [5, 0, 0]];
        for (let seed = 1; seed < 40; seed++) {
            const set = []; let x = seed;
            for (let i = 0; i < seed * 7; i++) { x = (x * 48271) % 2147483647; set.push(1 + x % 10000); }
            sets.push(set.sort((a, b) => b - a));
        }
        let worst = 0;
        for (const set of sets) {
            const total = set.reduce((a, b) => a + b, 0), [W, H] = [640, 400];
            const places = report.squarify(set, 0, 0, W, H);
            const wanted = set.filter(size => size > 0);
            wanted.forEach((size, i) => {
                const [x, y, w, h] = places[i];
                const area = size / total * W * H;
                if (Math.abs(w * h - area) > 1e-6 * W * H) throw `area ${w * h} for ${area}`;
                if (x < -1e-6 || y < -1e-6 || x + w > W + 1e-6 || y + h > H + 1e-6) throw 'outside';
                for (let j = 0; j < i; j++) {
                    const [a, b, c, d] = places[j];
                    if (Math.min(x + w, a + c) - Math.max(x, a) > 1e-6 && Math.min(y + h, b + d) - Math.max(y, b) > 1e-6) throw 'overlap';
                }
            });
            if (set.length === 500) worst = Math.max(...places.map(([, , w, h]) => Math.max(w / h, h / w)));
        }
        if (report.squarify([0], 0, 0, 9, 9).length || report.squarify([1], 0, 0, 0, 9).length) throw 'nothing has no place';
        document.title = worst < 2 ? 'sound' : 'slivers ' + worst;");
    assert_eq!(said, "sound");
}

/// A picture with something in it: many colours, none of which is nearly all of it.
const LOOK: &str = "import struct, sys, zlib, collections
data = open(sys.argv[1], 'rb').read()
at, body = 8, b''
while at < len(data):
    length, kind = struct.unpack('>I4s', data[at:at + 8])
    if kind == b'IHDR': width, height, depth, colour = struct.unpack('>IIBB', data[at + 8:at + 18])
    if kind == b'IDAT': body += data[at + 8:at + 8 + length]
    at += length + 12
raw = zlib.decompress(body)
step = {2: 3, 6: 4}[colour]
line = width * step + 1
row = bytearray(line - 1)
seen = collections.Counter()
for y in range(height):
    kind, now = raw[y * line], bytearray(raw[y * line + 1:(y + 1) * line])
    for i in range(len(now)):
        a, b, c = (now[i - step] if i >= step else 0), row[i], (row[i - step] if i >= step else 0)
        p = a + b - c
        near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        now[i] = (now[i] + (0, a, b, (a + b) // 2, near)[kind]) & 255
    row = now
    seen.update(bytes(now[i:i + step]) for i in range(0, len(now), step * 4))
print(len(seen), int(100 * seen.most_common(1)[0][1] / sum(seen.values())))";

#[test]
fn the_page_is_not_blank() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("page.png");
    browser(&[
        &format!("--screenshot={}", picture.display()),
        "--window-size=900,700",
        "--virtual-time-budget=5000",
        &format!("file://{}", beside("web.html").display()),
    ]);
    let said = succeed(Command::new("python3").args(["-c", LOOK]).arg(&picture));
    let (colours, most) = said.trim().split_once(' ').unwrap();
    assert!(colours.parse::<u32>().unwrap() > 60 && most.parse::<u32>().unwrap() < 80, "{said}");
}

#[test]
fn hostile_names_stay_text() {
    let toy = Toy::new(&base(), &[]);
    let names = [
        "</script><script>document.title='OWNED'<",
        "<img src=x onerror=document.title='OWNED'>",
        "\u{2028}'\"`${1}{{ 7*7 }}",
    ];
    let files: Vec<Value> = names
        .iter()
        .map(|name| json!({"path": format!("/srv/{}", name.replace('/', "|")), "content": {"text": "x".repeat(5000)}}))
        .chain([json!({"path": "/srv/a</script><script>document.title='OWNED'</script>", "content": {"text": "y"}})])
        .collect();
    toy.define(&toy.mirror().display().to_string(), &[], json!({"files": files}));
    toy.builds();
    let page = toy.out().join("toy.html");
    let said = browse(
        &page,
        "
        const deep = node => node.kids ? node.kids.flatMap(deep) : [node.name];
        const names = deep(report.folder(JSON.parse(document.getElementById('data').textContent).root));
        if (document.title === 'OWNED') throw 'owned';
        document.title = names.filter(name => name.includes('OWNED') || name.includes('7*7')).length;",
    );
    // The fourth has slashes in it: its parts are folders.
    assert_eq!(said, "3");
    succeed(
        Command::new(validators().join("python")).args(["-c", CYCLONEDX]).arg(toy.out().join("toy.cdx.json")),
    );
}

#[test]
fn the_example_of_a_plot_in_the_documentation_is_one() {
    let picture = checkout().join("docs/boot.svg");
    succeed(
        Command::new("python3")
            .args(["-c", "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])"])
            .arg(picture),
    );
}
