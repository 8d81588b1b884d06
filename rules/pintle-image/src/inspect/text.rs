//! An inspection for people.

use super::{Bios, Compared, Inspection, Part, Place, SignedBy, Start, Uefi};
use crate::inspect::{Holds, Purpose};
use pintle_boot::measure::after_boot;
use pintle_model::Size;
use std::fmt::Write as _;

/// A line; a `String` takes every write.
macro_rules! line {
    ($text:expr, $($what:tt)*) => { writeln!($text, $($what)*).expect("invariant: a String takes every write") };
}

impl Inspection {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let name = self.name.as_deref().unwrap_or("unnamed");
        line!(text, "system       {name} {}", self.version.as_deref().unwrap_or_default());
        let table = match &self.table {
            None => ", one file system".to_owned(),
            Some(table) if table.damage.is_some() => format!(", disk {}, table DAMAGED", table.disk),
            Some(table) => format!(", disk {}", table.disk),
        };
        line!(text, "image        {}, {}{table}", self.format, Size(self.size));
        for part in &self.partitions {
            line!(text, "  {}", part.text());
        }
        for place in &self.slots {
            line!(text, "slot {}       {}", place.letter, place.text());
        }
        if self.slots.len() == 1 {
            line!(text, "slot B       made by the first boot");
        }
        line!(text, "/var         {}", self.var());
        match &self.uefi {
            Some(uefi) => uefi.text(&mut text),
            None => line!(text, "UEFI         nothing to start"),
        }
        match &self.bios {
            Some(bios) => bios.text(&mut text),
            None => line!(text, "BIOS         nothing to start"),
        }
        for problem in &self.problems {
            line!(text, "PROBLEM      {problem}");
        }
        text
    }

    fn var(&self) -> String {
        let var = self.partitions.iter().find(|part| part.purpose == Purpose::Var);
        match var.map(|part| (part, part.holds)) {
            None if self.slots.is_empty() => "part of the root".to_owned(),
            None => "made by the first boot".to_owned(),
            Some((part, Holds::Luks)) => format!("encrypted (LUKS), {}", Size(part.size)),
            Some((part, holds)) => format!("{}, {}, not encrypted", holds.name(), Size(part.size)),
        }
    }
}

impl Part {
    fn text(&self) -> String {
        let size = Size(self.size).to_string();
        format!(
            "{:>2}  {:<17}  {size:>9}  {:<16}  {}",
            self.number,
            self.purpose.name(),
            self.holds.name(),
            self.label
        )
    }
}

impl Place {
    fn text(&self) -> String {
        let hash = self.usrhash.map(|hash| hash.hex()).unwrap_or_default();
        match &self.verity {
            Compared::Verified => format!("{}: verified, {hash}", self.label),
            Compared::Damaged(_) => format!("{}: DAMAGED, is not {hash}", self.label),
            Compared::Empty => "empty".to_owned(),
        }
    }
}

fn signature(signature: Option<&SignedBy>) -> String {
    let Some(found) = signature else { return "not signed".to_owned() };
    let signer = found.signer.as_deref().unwrap_or("somebody");
    if found.bad.is_some() { format!("BAD SIGNATURE of {signer}") } else { format!("signed by {signer}") }
}

impl Uefi {
    fn text(&self, text: &mut String) {
        let loader = self.loader.as_ref().map(|version| format!("systemd-boot {version}"));
        let loader = loader.unwrap_or_else(|| "another boot loader".to_owned());
        line!(text, "UEFI         {loader}, {}", signature(self.signature.as_ref()));
        for entry in &self.entries {
            line!(text, "  {}", entry.file);
            entry.text(text);
        }
        if !self.keys.is_empty() {
            let keys = self.keys.iter().map(|(variable, keys)| {
                let subjects: Vec<&str> = keys.iter().map(|key| key.subject.as_str()).collect();
                format!("{variable} ({})", subjects.join(", "))
            });
            let when = self.enrol.as_deref().unwrap_or("manual");
            line!(text, "  enrols ({when}): {}", keys.collect::<Vec<_>>().join(", "));
        }
    }
}

impl Start {
    fn text(&self, text: &mut String) {
        let or = |text: &Option<String>| text.clone().unwrap_or_default();
        let slot = self.slot.map(|slot| format!(", slot {slot}")).unwrap_or_default();
        line!(text, "      {}{slot}, kernel {}", or(&self.title), or(&self.kernel));
        let tries = match self.tries {
            None => "not counted".to_owned(),
            Some((0, done)) => format!("BAD: {done} tries done, none left"),
            Some((left, done)) => format!("{left} tries left, {done} done"),
        };
        let policy = if self.has_policy { ", policy for TPMs" } else { "" };
        line!(text, "      {tries}; {}{policy}", signature(self.signature.as_ref()));
        if let Some(value) = after_boot(&self.pcr11) {
            line!(text, "      PCR 11 once it is up: {value}");
        }
    }
}

impl Bios {
    fn text(&self, text: &mut String) {
        let left: Vec<String> =
            self.left.iter().map(|(place, left)| format!("{} {left}", place.to_uppercase())).collect();
        match &self.first {
            None => line!(text, "BIOS         GRUB"),
            Some(first) => {
                line!(
                    text,
                    "BIOS         GRUB, {} first, tries left: {}",
                    first.to_uppercase(),
                    left.join(", ")
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{INSPECT_SCHEMA, Key, Table};
    use pintle_model::Digest;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn image() -> Inspection {
        let part = |number, purpose, label: &str, holds| Part {
            number,
            start: u64::from(number) << 20,
            size: 200 << 20,
            type_uuid: Uuid::nil(),
            purpose,
            label: label.to_owned(),
            uuid: Uuid::nil(),
            holds,
        };
        let own = Digest::of(b"certificate");
        let signed = SignedBy { signer: Some("CN=web db".into()), certificate: Some(own), bad: None };
        let entry = Start {
            file: "EFI/Linux/web_2+3-0.efi".into(),
            title: Some("Debian".into()),
            version: Some("2".into()),
            kernel: Some("6.12".into()),
            usrhash: Some(Digest::of(b"2").hex()),
            tries: Some((3, 0)),
            signature: Some(signed.clone()),
            has_policy: true,
            pcr11: BTreeMap::from([
                ("enter-initrd".into(), "aa".into()),
                ("enter-initrd:ready".into(), "bb".into()),
            ]),
            ..Start::default()
        };
        let place = |letter, label: &str, verity| Place {
            letter,
            label: label.into(),
            usrhash: Some(Digest::of(label.rsplit('_').next().unwrap_or_default().as_bytes())),
            verity,
        };
        Inspection {
            schema: INSPECT_SCHEMA,
            format: "raw",
            size: 1 << 30,
            table: Some(Table { disk: Uuid::nil(), damage: None }),
            name: Some("web".into()),
            version: Some("2".into()),
            partitions: vec![
                part(1, Purpose::EfiSystem, "esp", Holds::Vfat),
                part(2, Purpose::Usr, "web_1", Holds::Erofs),
                part(7, Purpose::Var, "web-var", Holds::Luks),
            ],
            slots: vec![place('A', "web_1", Compared::Verified), place('B', "web_2", Compared::Verified)],
            uefi: Some(Uefi {
                loader: Some("257".into()),
                signature: Some(signed),
                entries: vec![entry],
                enrol: Some("if-safe".into()),
                keys: BTreeMap::from([(
                    "db".into(),
                    vec![Key { subject: "CN=web db".into(), certificate: own }],
                )]),
            }),
            bios: None,
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_good_image_is_told_in_short() {
        insta::assert_snapshot!(image().judged().text(), @"
        system       web 2
        image        raw, 1 GiB, disk 00000000-0000-0000-0000-000000000000
           1  EFI system           200 MiB  FAT               esp
           2  /usr                 200 MiB  EROFS             web_1
           7  /var                 200 MiB  LUKS              web-var
        slot A       web_1: verified, 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
        slot B       web_2: verified, d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35
        /var         encrypted (LUKS), 200 MiB
        UEFI         systemd-boot 257, signed by CN=web db
          EFI/Linux/web_2+3-0.efi
              Debian, slot B, kernel 6.12
              3 tries left, 0 done; signed by CN=web db, policy for TPMs
              PCR 11 once it is up: bb
          enrols (if-safe): db (CN=web db)
        BIOS         nothing to start
        ");
    }

    #[test]
    fn what_would_not_start_is_a_problem() {
        let mut bad = image();
        bad.slots[1].verity = Compared::Damaged("2 of 9 blocks".into());
        bad.table = Some(Table { disk: Uuid::nil(), damage: Some("its two copies differ".into()) });
        bad.bios = Some(Bios { damaged: vec!["grub/grubenv".into()], ..Bios::default() });
        let uefi = bad.uefi.as_mut().unwrap();
        uefi.signature = None;
        let entry = &mut uefi.entries[0];
        (entry.tries, entry.usrhash) = (Some((0, 3)), Some("ff".into()));
        entry.signature.as_mut().unwrap().bad = Some("it is about other bytes".into());
        insta::assert_snapshot!(bad.judged().problems.join("\n"), @"
        the partition table: its two copies differ
        /usr in place B: 2 of 9 blocks
        the boot loader: not signed by a key that the image enrols; firmware will refuse it
        EFI/Linux/web_2+3-0.efi: the /usr that it wants is in no place of this disk
        EFI/Linux/web_2+3-0.efi: the signature is not good: it is about other bytes
        no boot entry has tries left
        GRUB's memory grub/grubenv cannot be read
        ");
        let mut none = image();
        none.uefi.as_mut().unwrap().entries.clear();
        assert_eq!(none.judged().problems, ["the EFI system partition has no boot entry"]);
    }
}
