//! Whether an image has a kernel. mkosi says so only after it has installed all packages.

use super::mkosi::Mkosi;

/// What there is to say about an image without a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Lack {
    /// No package is installed that could bring one: the build fails.
    Sure(String),
    /// None is named, and a package may need one that it does not name.
    Likely(String),
}

/// Returns what an image without a kernel lacks, as far as its folder shows.
///
/// `is_configured` says whether there is a mkosi.conf.
pub(super) fn lack(mkosi: &Mkosi, is_configured: bool) -> Option<Lack> {
    let packages =
        mkosi.packages().any(|package| package.starts_with("linux-") || package.contains("kernel"));
    let files = mkosi.files.iter().any(|file| file.path.contains("vmlinu"));
    let own = mkosi.packages().any(|package| package.contains('/') || package.ends_with(".deb"));
    let scripts = mkosi.scripts.iter().any(|text| text.contains("linux"));
    if mkosi.hidden || packages || files || own || scripts {
        return None;
    }
    if mkosi.packages().next().is_none() && mkosi.scripts.is_empty() {
        let why = if is_configured { "names no packages" } else { "does not exist" };
        return Some(Lack::Sure(format!(
            "the image has no kernel, because mkosi.conf beside this file {why}: {NAME_ONE}"
        )));
    }
    Some(Lack::Likely(format!(
        "as far as this folder shows, the image has no kernel, and the build will fail: {NAME_ONE}"
    )))
}

const NAME_ONE: &str = "name one in mkosi.conf beside this file, such as linux-image-amd64, or for virtual machines \
                        linux-image-cloud-amd64 (Packages= in [Content])";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::mkosi::Placed;

    fn with_packages(packages: &str) -> Mkosi {
        Mkosi { settings: vec![("Packages".to_owned(), packages.to_owned())], ..Mkosi::default() }
    }

    #[test]
    fn a_folder_without_a_kernel_is_told_so() {
        let Some(Lack::Likely(said)) = lack(&with_packages("less\nutil-linux"), true) else {
            panic!("not noted")
        };
        assert!(said.starts_with("as far as this folder shows, the image has no kernel, and"), "{said}");
        let script = Mkosi { scripts: vec!["apt-get install less".to_owned()], ..Mkosi::default() };
        assert!(matches!(lack(&script, true), Some(Lack::Likely(_))));
        let Some(Lack::Sure(said)) = lack(&Mkosi::default(), true) else { panic!("not an error") };
        assert!(
            said.starts_with(
                "the image has no kernel, because mkosi.conf beside this file names no packages: "
            ),
            "{said}"
        );
    }

    #[test]
    fn a_file_that_does_not_exist_is_said_to() {
        let Some(Lack::Sure(said)) = lack(&Mkosi::default(), false) else { panic!("not an error") };
        let wanted = "the image has no kernel, because mkosi.conf beside this file does not exist: name one in mkosi.conf beside ";
        assert!(said.starts_with(wanted), "{said}");
    }

    #[test]
    fn a_kernel_may_come_in_several_ways() {
        let placed = Placed { path: "usr/lib/modules/6.1/vmlinuz".to_owned(), ..Placed::default() };
        for some in [
            with_packages("less\nlinux-image-cloud-amd64"),
            with_packages("proxmox-kernel-6.8"),
            with_packages("./own.deb"),
            Mkosi { files: vec![placed], ..Mkosi::default() },
            Mkosi { scripts: vec!["apt install linux-image".to_owned()], ..Mkosi::default() },
            Mkosi { hidden: true, ..Mkosi::default() },
        ] {
            assert_eq!(lack(&some, true), None, "{some:?}");
        }
    }
}
