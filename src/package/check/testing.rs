//! ELF files made by hand, for tests.

use object::elf::{
    DF_1_PIE, DT_FLAGS_1, DT_NEEDED, DT_RUNPATH, DT_STRSZ, DT_STRTAB, EM_X86_64, ET_DYN, ET_EXEC, PT_DYNAMIC, PT_INTERP, PT_LOAD,
};

/// `VER_FLG_WEAK`.
pub const WEAK: u16 = 2;
const NEEDED_VERSIONS: u32 = 0x6fff_fffe;
const STRINGS: u32 = 3;

/// A 64-bit little-endian ELF file.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// 1 for 32 bits, 2 for 64; the layout is always that of 64.
    pub class: u8,
    pub machine: u16,
    pub e_type: u16,
    pub entry: u64,
    pub interpreter: Option<&'a str>,
    pub needed: &'a [&'a str],
    pub search: Option<&'a str>,
    pub versions: &'a [(&'a str, u16)],
    pub is_pie: bool,
}

impl Program<'_> {
    pub const STATIC: Self = Self {
        class: 2,
        machine: EM_X86_64,
        e_type: ET_EXEC,
        entry: 64,
        interpreter: None,
        needed: &[],
        search: None,
        versions: &[],
        is_pie: false,
    };
    pub const DYNAMIC: Self = Self {
        e_type: ET_DYN,
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        needed: &["libc.so.6"],
        versions: &[("GLIBC_2.34", 0)],
        is_pie: true,
        ..Self::STATIC
    };

    /// The file: headers, then the interpreter, the names, the dynamic segment, the versions, the sections.
    pub fn bytes(&self) -> Vec<u8> {
        let mut names = vec![0];
        let mut name = |text: &str| {
            let at = names.len() as u64;
            names.extend(text.bytes().chain([0]));
            at
        };
        let mut dynamic: Vec<(u32, u64)> = self.needed.iter().map(|library| (DT_NEEDED, name(library))).collect();
        dynamic.extend(self.search.map(|paths| (DT_RUNPATH, name(paths))));
        dynamic.extend(self.is_pie.then_some((DT_FLAGS_1, u64::from(DF_1_PIE))));
        let versions: Vec<(u64, u16)> = self.versions.iter().map(|(text, flags)| (name(text), *flags)).collect();
        let interpreter: Vec<u8> = self.interpreter.map(|path| [path.as_bytes(), &[0]].concat()).unwrap_or_default();
        let count = 2 + u16::from(self.interpreter.is_some());
        let interpreter_at = 64 + 56 * u64::from(count);
        let names_at = interpreter_at + interpreter.len() as u64;
        dynamic.extend([(DT_STRTAB, names_at), (DT_STRSZ, names.len() as u64), (0, 0)]);
        let dynamic: Vec<u8> =
            dynamic.iter().flat_map(|(tag, value)| [u64::from(*tag).to_le_bytes(), value.to_le_bytes()].concat()).collect();
        let dynamic_at = names_at + names.len() as u64;
        let versions = needs(&versions);
        let versions_at = dynamic_at + dynamic.len() as u64;
        let sections_at = versions_at + versions.len() as u64;
        let end = sections_at + 3 * 64;
        let mut segments = segment(PT_LOAD, 0, end);
        segments.extend(segment(PT_DYNAMIC, dynamic_at, dynamic.len() as u64));
        if self.interpreter.is_some() {
            segments.extend(segment(PT_INTERP, interpreter_at, interpreter.len() as u64));
        }
        let sections = [
            section(0, 0, 0, 0),
            section(STRINGS, names_at, names.len() as u64, 0),
            section(if self.versions.is_empty() { 0 } else { NEEDED_VERSIONS }, versions_at, versions.len() as u64, 1),
        ];
        let file = [self.header(count, sections_at), segments, interpreter, names, dynamic, versions, sections.concat()].concat();
        assert_eq!(file.len() as u64, end);
        file
    }

    fn header(&self, segments: u16, sections_at: u64) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        header[4] = self.class;
        header.extend([self.e_type.to_le_bytes(), self.machine.to_le_bytes()].concat());
        header.extend(1u32.to_le_bytes());
        header.extend([self.entry, 64, sections_at].map(u64::to_le_bytes).concat());
        header.extend(0u32.to_le_bytes());
        header.extend([64, 56, segments, 64, 3, 1].map(u16::to_le_bytes).concat());
        header
    }
}

fn segment(kind: u32, offset: u64, bytes: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &4u32.to_le_bytes(), &[offset, offset, offset, bytes, bytes, 8].map(u64::to_le_bytes).concat()].concat()
}

fn section(kind: u32, offset: u64, bytes: u64, link: u32) -> Vec<u8> {
    let (start, end) =
        ([&[0; 4][..], &kind.to_le_bytes(), &[0; 16]].concat(), [&link.to_le_bytes()[..], &1u32.to_le_bytes(), &[0; 16]].concat());
    [start, offset.to_le_bytes().to_vec(), bytes.to_le_bytes().to_vec(), end].concat()
}

/// Needed versions of one library.
fn needs(versions: &[(u64, u16)]) -> Vec<u8> {
    let mut needs = [&1u16.to_le_bytes()[..], &(versions.len() as u16).to_le_bytes(), &[0; 4], &16u32.to_le_bytes(), &[0; 4]].concat();
    for (index, (name, flags)) in versions.iter().enumerate() {
        let next = if index + 1 == versions.len() { 0u32 } else { 16 };
        needs.extend([&[0; 4][..], &flags.to_le_bytes(), &[0; 2], &(*name as u32).to_le_bytes(), &next.to_le_bytes()].concat());
    }
    needs
}
