//! What the headers of an ELF file tell, read through the `object` crate.

use object::elf::{
    self, DF_1_PIE, DT_FLAGS_1, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, ET_DYN, ET_EXEC, VER_FLG_WEAK,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadRef};

/// Major and minor version of the GNU C library.
pub(in crate::package) type Version = (u32, u32);

/// The facts of an ELF file that decide whether and where it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::package) struct Elf {
    /// 32 or 64.
    pub bits: u8,
    /// Whether numbers in it have their lowest byte first.
    pub is_little_endian: bool,
    /// `e_machine`: the processor.
    pub machine: u16,
    /// What kind of file it is.
    pub kind: Kind,
    /// The program that loads its libraries; `None` for a static program.
    pub interpreter: Option<String>,
    /// The libraries that it names.
    pub needed: Vec<String>,
    /// Where it has its libraries sought first, `$ORIGIN` standing for its own folder.
    pub search: Vec<String>,
    /// The newest version of the GNU C library that it cannot do without.
    pub glibc: Option<Version>,
    /// Whether its headers promise more bytes than there are.
    pub is_cut_off: bool,
    /// Whether only what nobody loads is cut off, such as the names for a debugger.
    pub lacks_sections: bool,
    /// Another system that it is made for.
    pub system: Option<&'static str>,
    /// Whether nothing that is loaded lies where it says that it begins.
    pub lacks_entry: bool,
}

/// Systems that mark their programs, and whose calls Linux does not know (`EI_OSABI`,
/// <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>).
const SYSTEMS: [(u8, &str); 4] = [
    (elf::ELFOSABI_NETBSD, "NetBSD"),
    (elf::ELFOSABI_SOLARIS, "Solaris"),
    (elf::ELFOSABI_FREEBSD, "FreeBSD"),
    (elf::ELFOSABI_OPENBSD, "OpenBSD"),
];

/// What kind of ELF file it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::package) enum Kind {
    /// Something that can be started.
    Program,
    /// A shared library or a plugin.
    Library,
    /// What a compiler makes before the linker.
    Object,
    /// A core dump, or nothing that is known.
    #[default]
    Other,
}

/// Reads the headers; `None` when even the first of them cannot be read.
pub(super) fn read<'data, R: ReadRef<'data>>(data: R) -> Option<Elf> {
    let start = data.read_bytes_at(0, 6).ok()?;
    match start.get(4)? {
        1 => of_class::<elf::FileHeader32<Endianness>, R>(data, 32),
        2 => of_class::<elf::FileHeader64<Endianness>, R>(data, 64),
        _ => None,
    }
}

fn of_class<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R, bits: u8) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut found = Elf { bits, is_little_endian: header.is_little_endian(), machine: header.e_machine(endian), ..Elf::default() };
    let Ok(segments) = header.program_headers(endian, data) else {
        return Some(Elf { is_cut_off: true, kind: Kind::Program, ..found });
    };
    let length = data.len().unwrap_or(u64::MAX);
    found.is_cut_off = segments.iter().any(|segment| {
        let (offset, bytes) = segment.file_range(endian);
        segment.p_type(endian) == elf::PT_LOAD && offset.saturating_add(bytes) > length
    });
    let entry = header.e_entry(endian).into();
    found.lacks_entry = entry == 0 || !segments.iter().any(|segment| is_loaded(segment, endian, entry));
    let sections = header.e_shoff(endian).into().saturating_add(u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian)));
    found.lacks_sections = header.e_shoff(endian).into() > 0 && sections > length;
    found.system = SYSTEMS.iter().find(|(abi, _)| *abi == header.e_ident().os_abi).map(|(_, system)| *system);
    let interpreter = segments.iter().find_map(|segment| segment.interpreter(endian, data).ok()?);
    found.interpreter = interpreter.map(text);
    let links = Links::read::<H, R>(segments, endian, data);
    found.kind = kind(header.e_type(endian), entry != 0, found.interpreter.is_some(), &links);
    found.glibc = newest_glibc(header, endian, data);
    (found.needed, found.search) = (links.needed, links.search);
    Some(found)
}

/// Whether an address lies in what a segment brings into memory.
fn is_loaded<H: ProgramHeader<Endian = Endianness>>(segment: &H, endian: Endianness, address: u64) -> bool {
    let start = segment.p_vaddr(endian).into();
    segment.p_type(endian) == elf::PT_LOAD && (start..start.saturating_add(segment.p_memsz(endian).into())).contains(&address)
}

/// A static program that may lie anywhere in memory looks almost like a library: it has no interpreter either.
fn kind(e_type: u16, has_entry: bool, has_interpreter: bool, links: &Links) -> Kind {
    match e_type {
        ET_EXEC => Kind::Program,
        ET_DYN if has_interpreter || links.is_program || (has_entry && !links.has_library_name) => Kind::Program,
        ET_DYN => Kind::Library,
        elf::ET_REL => Kind::Object,
        _ => Kind::Other,
    }
}

/// What the dynamic segment tells.
#[derive(Default)]
struct Links {
    needed: Vec<String>,
    search: Vec<String>,
    has_library_name: bool,
    is_program: bool,
}

impl Links {
    fn read<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
        segments: &'data [H::ProgramHeader],
        endian: Endianness,
        data: R,
    ) -> Self {
        let mut links = Self::default();
        let entries = segments.iter().find_map(|segment| segment.dynamic(endian, data).ok()?).unwrap_or_default();
        let entries: Vec<(u64, u64)> = entries.iter().map(|entry| (entry.d_tag(endian).into(), entry.d_val(endian).into())).collect();
        let value = |wanted: u32| entries.iter().find(|(tag, _)| *tag == u64::from(wanted)).map(|(_, value)| *value);
        links.has_library_name = value(DT_SONAME).is_some();
        links.is_program = value(DT_FLAGS_1).is_some_and(|flags| flags & u64::from(DF_1_PIE) != 0);
        let (Some(address), Some(bytes)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return links };
        let Some(names) = segments
            .iter()
            .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
            .find_map(|segment| segment.data_range(endian, data, address, bytes).ok()?)
        else {
            return links;
        };
        let name = |at: u64| {
            usize::try_from(at)
                .ok()
                .and_then(|at| names.get(at..))
                .map(|rest| text(rest.split(|byte| *byte == 0).next().unwrap_or_default()))
        };
        let named = |wanted: u32| entries.iter().filter(move |(tag, _)| *tag == u64::from(wanted)).filter_map(|(_, value)| name(*value));
        links.needed = named(DT_NEEDED).collect();
        let paths = named(DT_RPATH).chain(named(DT_RUNPATH));
        links.search = paths.flat_map(|paths| paths.split(':').map(str::to_owned).collect::<Vec<_>>()).collect();
        links
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program starts without a version that only weak symbols ask for, so those do not count
/// (<https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>).
fn newest_glibc<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(header: &H, endian: Endianness, data: R) -> Option<Version> {
    /// A damaged file may lead in a circle.
    const MOST: usize = 10_000;
    let sections = header.sections(endian, data).ok()?;
    let (libraries, strings) = sections.gnu_verneed(endian, data).ok()??;
    let strings = sections.strings(endian, data, strings).ok()?;
    let versions = libraries.take(MOST).map_while(Result::ok).flat_map(|(_, versions)| versions.map_while(Result::ok)).take(MOST);
    let strong = versions.filter(|version| version.vna_flags.get(endian) & VER_FLG_WEAK == 0);
    strong.filter_map(|entry| version(std::str::from_utf8(entry.name(endian, strings).ok()?).ok()?)).max()
}

fn version(name: &str) -> Option<Version> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Elf {
    /// The processor as Lambda calls it, or as its makers do.
    pub fn processor(&self) -> &'static str {
        match (self.machine, self.bits) {
            (elf::EM_X86_64, 64) => "x86_64",
            (elf::EM_X86_64, _) => "x32, the form of x86_64 with short addresses",
            (elf::EM_AARCH64, 64) if self.is_little_endian => "arm64",
            (elf::EM_AARCH64, _) => "another form of arm64",
            (elf::EM_386, _) => "32-bit x86",
            (elf::EM_ARM, _) => "32-bit ARM",
            (elf::EM_RISCV, _) => "RISC-V",
            (elf::EM_PPC64, _) => "POWER",
            (elf::EM_S390, _) => "IBM Z",
            (elf::EM_MIPS, _) => "MIPS",
            (elf::EM_LOONGARCH, _) => "LoongArch",
            _ if !self.is_little_endian => "a processor that has the highest byte first",
            _ => "another processor",
        }
    }

    /// Whether a processor of this architecture of Lambda runs it.
    pub fn is_for(&self, architecture: &str) -> bool {
        self.bits == 64 && self.is_little_endian && self.processor() == architecture
    }

    /// Whether it is made for musl, which Amazon Linux does not have.
    pub fn is_for_musl(&self) -> bool {
        let is_named = self.interpreter.iter().chain(&self.needed).any(|name| name.contains("ld-musl-") || name.contains("libc.musl-"));
        // What is linked by musl's own tools names its C library so; Android's does too, and has another loader.
        is_named || (self.interpreter.is_none() && self.needed.iter().any(|name| name == "libc.so"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Program, WEAK};
    use super::*;

    #[test]
    fn the_newest_version_counts_unless_only_weak_symbols_want_it() {
        for (versions, expected) in [
            (&[("GLIBC_2.34", 0), ("GLIBC_2.4", 0)][..], Some((2, 34))),
            (&[("GLIBC_2.2.5", 0), ("GCC_3.0", 0)], Some((2, 2))),
            (&[("GLIBC_2.34", 0), ("GLIBC_2.39", WEAK)], Some((2, 34))),
            (&[("GLIBC_2.9", 0), ("GLIBC_2.39", 0)], Some((2, 39))),
            (&[("GLIBC_PRIVATE", 0)], None),
        ] {
            let file = Program { versions, ..Program::DYNAMIC }.bytes();
            assert_eq!(read(&file[..]).unwrap().glibc, expected, "{versions:?}");
        }
    }

    #[test]
    fn everything_that_decides_is_read() {
        let file = Program { needed: &["libc.so.6", "libz.so.1"], search: Some("$ORIGIN/lib:/x"), ..Program::DYNAMIC }.bytes();
        let found = read(&file[..]).unwrap();
        assert_eq!(found.needed, ["libc.so.6", "libz.so.1"]);
        assert_eq!(found.search, ["$ORIGIN/lib", "/x"]);
        assert_eq!(found.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!((found.kind, found.is_cut_off), (Kind::Program, false));
        assert!(found.is_for("x86_64") && !found.is_for("arm64"));
        assert!(read(&file[..file.len() - 1]).unwrap().is_cut_off);
    }

    #[test]
    fn a_library_is_told_from_a_static_program() {
        for (program, expected) in [
            (Program::STATIC, Kind::Program),
            (Program { e_type: ET_DYN, is_pie: true, needed: &[], interpreter: None, ..Program::DYNAMIC }, Kind::Program),
            (Program { e_type: ET_DYN, entry: 0, interpreter: None, is_pie: false, ..Program::DYNAMIC }, Kind::Library),
            (Program { e_type: elf::ET_REL, ..Program::STATIC }, Kind::Object),
            (Program { e_type: elf::ET_CORE, ..Program::STATIC }, Kind::Other),
        ] {
            assert_eq!(read(&program.bytes()[..]).unwrap().kind, expected);
        }
    }

    #[test]
    fn a_damaged_file_is_only_not_understood() {
        let whole = Program::DYNAMIC.bytes();
        for length in 0..whole.len() {
            read(&whole[..length]);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            read(&damaged[..]);
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn this_very_program_is_understood() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = read(&this[..]).unwrap();
        assert!(found.glibc.is_some_and(|needed| needed >= (2, 2)) && found.needed.iter().any(|name| name == "libc.so.6"), "{found:?}");
        assert!(found.kind == Kind::Program && found.interpreter.is_some() && !found.is_cut_off, "{found:?}");
    }
}
