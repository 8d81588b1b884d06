//! Small ELF files: kernel modules and libraries with just the tables our readers and the judges look at.

/// Sections of an object file for x86-64, written with their headers behind them.
struct Object {
    kind: u16,
    sections: Vec<(&'static str, u32, u32, u64, Vec<u8>)>,
}

impl Object {
    fn bytes(mut self) -> Vec<u8> {
        let mut names = vec![0_u8];
        self.sections.push((".shstrtab", 3, 0, 0, Vec::new()));
        let offsets: Vec<u32> = self
            .sections
            .iter()
            .map(|section| {
                let at = names.len() as u32;
                names.extend(section.0.bytes().chain([0]));
                at
            })
            .collect();
        let count = self.sections.len();
        self.sections[count - 1].4 = names;
        let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        out.extend([self.kind.to_le_bytes(), 62_u16.to_le_bytes()].concat());
        out.resize(64, 0);
        let mut headers = vec![0_u8; 64];
        for ((_, kind, link, entry, bytes), name) in self.sections.iter().zip(offsets) {
            out.resize(out.len().next_multiple_of(8), 0);
            headers.extend([name, *kind].map(u32::to_le_bytes).concat());
            headers.extend([0, 0, out.len() as u64, bytes.len() as u64].map(u64::to_le_bytes).concat());
            headers.extend([*link, 0].map(u32::to_le_bytes).concat());
            headers.extend([8, *entry].map(u64::to_le_bytes).concat());
            out.extend(bytes);
        }
        out.resize(out.len().next_multiple_of(8), 0);
        let at = out.len() as u64;
        out[40..48].copy_from_slice(&at.to_le_bytes());
        out[52..64]
            .copy_from_slice(&[64, 0, 0, 64, count as u16 + 1, count as u16].map(u16::to_le_bytes).concat());
        out.extend(headers);
        out
    }
}

/// A kernel module: its `.modinfo` strings, the symbols it exports and those it needs.
pub(crate) fn module(info: &[&str], exports: &[&str], imports: &[&str]) -> Vec<u8> {
    let mut strings = vec![0_u8];
    let mut symbols = vec![0_u8; 24];
    let mut symbol = |name: &str, section: u16| {
        symbols.extend((strings.len() as u32).to_le_bytes());
        symbols.extend([0x10, 0]);
        symbols.extend(section.to_le_bytes());
        symbols.extend([0; 16]);
        strings.extend(name.bytes().chain([0]));
    };
    for name in exports {
        // 0xfff1 is SHN_ABS: the checksum is the value itself.
        symbol(&format!("__crc_{name}"), 0xfff1);
    }
    for name in imports {
        symbol(name, 0);
    }
    let info = info.iter().flat_map(|text| text.bytes().chain([0])).collect();
    let sections =
        vec![(".modinfo", 1, 0, 0, info), (".symtab", 2, 3, 24, symbols), (".strtab", 3, 0, 0, strings)];
    Object { kind: 1, sections }.bytes()
}
