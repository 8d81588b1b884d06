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

/// What a program or library asks of the loader.
#[derive(Default)]
pub(crate) struct Linked<'a> {
    pub(crate) interpreter: Option<&'a str>,
    pub(crate) needed: &'a [&'a str],
    pub(crate) soname: Option<&'a str>,
    pub(crate) runpath: Option<&'a str>,
    /// JSON of a `.note.dlopen` note.
    pub(crate) dlopen: Option<&'a str>,
    /// `e_machine`; 0 stands for x86-64.
    pub(crate) machine: u16,
}

/// A dynamically linked ELF file without code. One segment loads all of it at address 0.
pub(crate) fn linked(what: &Linked<'_>) -> Vec<u8> {
    let mut strings = vec![0_u8];
    let mut entries = Vec::new();
    let names = what.needed.iter().map(|name| (1_u64, *name));
    for (tag, name) in names.chain(what.soname.map(|n| (14, n))).chain(what.runpath.map(|n| (29, n))) {
        entries.push((tag, strings.len() as u64));
        strings.extend(name.bytes().chain([0]));
    }
    let mut sections = Vec::new();
    if let Some(json) = what.dlopen {
        let mut note = [4, json.len() as u32 + 1, 0x407c_0c0a].map(u32::to_le_bytes).concat();
        note.extend(b"FDO\0");
        note.extend(json.bytes().chain([0]));
        note.resize(note.len().next_multiple_of(4), 0);
        sections.push((".note.dlopen", 7, 0, 0, note));
    }
    let mut file = Object { kind: 3, sections }.bytes();
    if what.machine != 0 {
        file[18..20].copy_from_slice(&what.machine.to_le_bytes());
    }
    let mut place = |bytes: &[u8]| {
        let at = file.len().next_multiple_of(8);
        file.resize(at, 0);
        file.extend(bytes);
        at as u64
    };
    let strings_at = place(&strings);
    entries.extend([(5, strings_at), (10, strings.len() as u64), (0, 0)]);
    let dynamic: Vec<u8> =
        entries.iter().flat_map(|(tag, value)| [*tag, *value].map(u64::to_le_bytes)).flatten().collect();
    let dynamic_at = place(&dynamic);
    let interpreter = what.interpreter.map(|name| [name.as_bytes(), b"\0"].concat());
    let interpreter_at = interpreter.as_deref().map(&mut place);
    let segments_at = file.len().next_multiple_of(8) as u64;
    file.resize(segments_at as usize, 0);
    let mut count = 0_u16;
    let mut segment = |kind: u32, offset: u64, len: u64| {
        count += 1;
        file.extend([kind, 4].map(u32::to_le_bytes).concat());
        file.extend([offset, offset, offset, len, len, 8].map(u64::to_le_bytes).concat());
    };
    segment(1, 0, segments_at);
    segment(2, dynamic_at, dynamic.len() as u64);
    if let (Some(at), Some(name)) = (interpreter_at, &interpreter) {
        segment(3, at, name.len() as u64);
    }
    file[32..40].copy_from_slice(&segments_at.to_le_bytes());
    file[54..58].copy_from_slice(&[56, count].map(u16::to_le_bytes).concat());
    file
}
