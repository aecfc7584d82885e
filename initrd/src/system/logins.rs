//! Looks whether somebody could log in with the kept `/etc`.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use pattern::login::{Files, faults};

/// # Errors
/// When nobody could, by one of the ways that there are.
pub(super) fn check(root: &Path) -> Result<()> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let folders = libraries(root);
    let modules: Vec<String> = folders.iter().map(|folder| format!("{folder}/security")).collect();
    let found = faults(&Files {
        read: &|path| fs::read(below(path)).ok().map(|text| String::from_utf8_lossy(&text).into_owned()),
        exists: &|path| below(path).exists(),
        modules: &modules,
        libraries: &folders,
    });
    if !found.is_empty() {
        bail!("{}; /etc was kept, see pattern etc diff in the version before", found.join("; "));
    }
    Ok(())
}

/// Returns where distributions have libraries: also in one folder for each architecture.
fn libraries(root: &Path) -> Vec<String> {
    let mut folders = vec!["/usr/lib".to_owned(), "/usr/lib64".to_owned()];
    let below = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
    let names = below.filter_map(|entry| entry.file_name().into_string().ok());
    folders.extend(names.filter(|name| name.contains("-linux-")).map(|name| format!("/usr/lib/{name}")));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_etc_that_names_a_module_of_an_earlier_version_is_refused() {
        let root = std::env::temp_dir().join(format!("pattern-logins-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for path in ["usr/bin/login", "bin/sh", "usr/lib/x86_64-linux-gnu/security/pam_unix.so"] {
            put(path, "");
        }
        put("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        let lines = |module| {
            format!("auth required {module}\naccount required {module}\nsession required {module}\n")
        };
        put("etc/pam.d/login", &lines("pam_unix.so"));
        check(&root).unwrap();
        put("etc/pam.d/login", &lines("pam_tally.so"));
        assert_eq!(
            check(&root).unwrap_err().to_string(),
            "nobody can log in by login (PAM, auth): this version does not have pam_tally.so; /etc was kept, see pattern etc \
             diff in the version before"
        );
        put("usr/lib/security/pam_tally.so", "");
        check(&root).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
