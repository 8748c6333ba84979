//! What a built program needs of the system that it runs on, as its own bytes say. Knows ELF's strings; runs no tool, so it
//! does not matter for which machine the program is.

/// What a program needs of a system.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// The newest version of the GNU C library of which it uses a symbol; none if it uses none.
    pub(super) glibc: Option<(u32, u32)>,
    /// Whether it loads the compiler's own library.
    pub(super) libgcc: bool,
}

/// Reads what a program needs. Names of versions and libraries stand in it as strings that end with a zero.
pub(super) fn needs(program: &[u8]) -> Needs {
    if !program.starts_with(b"\x7fELF") {
        return Needs::default();
    }
    // A text in the program may name a version, too, but not the whole of such a string.
    let strings = program.split(|byte| *byte == 0);
    let mut needs = Needs::default();
    for string in strings {
        needs.glibc = needs.glibc.max(glibc_version(string));
        needs.libgcc |= string == b"libgcc_s.so.1";
    }
    needs
}

/// The version of a symbol, if it is of the GNU C library; of its parts the third is never told by a package.
fn glibc_version(string: &[u8]) -> Option<(u32, u32)> {
    let version = std::str::from_utf8(string.strip_prefix(b"GLIBC_")?).ok()?;
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_by_its_numbers() {
        let program = b"\x7fELF\x02\0libgcc_s.so.1\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0see GLIBC_2.99\0";
        let needs = needs(program);
        assert_eq!((needs.glibc, needs.libgcc), (Some((2, 34)), true));
    }

    #[test]
    fn what_is_linked_whole_needs_nothing() {
        assert_eq!(needs(b"\x7fELF\x02\0musl\0see GLIBC_2.34\0"), Needs::default());
        assert_eq!(needs(b"MZ\0GLIBC_2.34\0"), Needs::default());
    }
}
