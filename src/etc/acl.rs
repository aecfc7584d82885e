//! Access control lists as extended attributes: their entries name users and groups by number (acl(5), and
//! `linux/posix_acl_xattr.h`).

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const HEAD: usize = 4;
const ENTRY: usize = 8;

/// Returns whether an extended attribute of this name is an access control list.
pub(super) fn is_acl(name: &[u8]) -> bool {
    matches!(name, b"system.posix_acl_access" | b"system.posix_acl_default")
}

/// Gives the entries other numbers. What is not a list stays as it is.
pub(super) fn renumber(acl: &mut [u8], user: impl Fn(u32) -> u32, group: impl Fn(u32) -> u32) {
    let Some((_, entries)) = acl.split_at_mut_checked(HEAD) else { return };
    for entry in entries.chunks_exact_mut(ENTRY) {
        let [t0, t1, _, _, n0, n1, n2, n3] = entry else { continue };
        let number = u32::from_le_bytes([*n0, *n1, *n2, *n3]);
        let other = match u16::from_le_bytes([*t0, *t1]) {
            USER => user(number),
            GROUP => group(number),
            _ => number,
        };
        [*n0, *n1, *n2, *n3] = other.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `setfacl -m u:110:r,g:110:r`, as the kernel returns it.
    fn acl(user: u32, group: u32) -> Vec<u8> {
        let entries = [(1, 6, u32::MAX), (2, 4, user), (4, 4, u32::MAX), (8, 4, group), (16, 4, u32::MAX)];
        let bytes = entries.into_iter().flat_map(|(tag, mode, number): (u16, u16, u32)| {
            [&tag.to_le_bytes()[..], &mode.to_le_bytes(), &number.to_le_bytes()].concat()
        });
        [2, 0, 0, 0].into_iter().chain(bytes).collect()
    }

    #[test]
    fn users_and_groups_get_their_other_numbers_and_nobody_else() {
        let mut list = acl(110, 110);
        renumber(&mut list, |user| user + 1, |group| group + 2);
        assert_eq!(list, acl(111, 112));
        for mut short in [vec![], vec![2, 0], vec![2, 0, 0, 0, 2, 0, 4]] {
            let before = short.clone();
            renumber(&mut short, |_| 0, |_| 0);
            assert_eq!(short, before);
        }
    }
}
