//! Whether an image has a kernel. mkosi says so only after it has installed all packages.

use super::mkosi::Mkosi;

/// Returns the note for an image without a kernel, as far as its folder shows.
pub(super) fn note(mkosi: &Mkosi) -> Option<String> {
    let packages =
        mkosi.packages().any(|package| package.starts_with("linux-") || package.contains("kernel"));
    let files = mkosi.files.iter().any(|file| file.path.contains("vmlinu"));
    let own = mkosi.packages().any(|package| package.contains('/') || package.ends_with(".deb"));
    let scripts = mkosi.scripts.iter().any(|text| text.contains("linux"));
    if mkosi.hidden || packages || files || own || scripts {
        return None;
    }
    Some(
        "as far as this folder shows, the image has no kernel, and the build will fail: name one in mkosi.conf beside this \
         file, such as linux-image-amd64, or for virtual machines linux-image-cloud-amd64 (Packages= in [Content])"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::mkosi::Placed;

    fn with_packages(packages: &str) -> Mkosi {
        Mkosi { settings: vec![("Packages".to_owned(), packages.to_owned())], ..Mkosi::default() }
    }

    #[test]
    fn a_folder_without_a_kernel_is_told_so() {
        for none in [Mkosi::default(), with_packages("less\nutil-linux")] {
            assert!(note(&none).unwrap().contains("has no kernel"), "{none:?}");
        }
    }

    #[test]
    fn a_kernel_may_come_in_several_ways() {
        let placed = Placed { path: "usr/lib/modules/6.1/vmlinuz".to_owned(), text: String::new() };
        for some in [
            with_packages("less\nlinux-image-cloud-amd64"),
            with_packages("proxmox-kernel-6.8"),
            with_packages("./own.deb"),
            Mkosi { files: vec![placed], ..Mkosi::default() },
            Mkosi { scripts: vec!["apt install linux-image".to_owned()], ..Mkosi::default() },
            Mkosi { hidden: true, ..Mkosi::default() },
        ] {
            assert_eq!(note(&some), None, "{some:?}");
        }
    }
}
