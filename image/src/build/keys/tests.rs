use super::*;
use crate::host::temporary;

#[test]
fn what_is_missing_is_named() {
    let error = Keys::find(Path::new("/nonexistent"), Pcr::Production(0), "x").unwrap_err().to_string();
    assert_eq!(
        error,
        "keys: the folder /nonexistent does not exist: name the NAME-keys that earlier versions of this system were \
         signed with; only for a new system: pattern gen-keyring NAME"
    );
    let error = Keys::find(Path::new("a/b-keys/"), Pcr::Production(0), "x").unwrap_err().to_string();
    assert!(error.ends_with("; only for a new system: pattern gen-keyring a/b"), "{error}");
    let place = temporary::folder().unwrap();
    std::fs::write(place.path().join("pcr-private.pem"), "").unwrap();
    let error = Keys::find(place.path(), Pcr::Production(0), "x").unwrap_err().to_string();
    assert!(error.contains("secure-boot.key is missing"), "{error}");
    let said = || {
        let error = Keys::find(place.path(), Pcr::Production(0), "x").unwrap_err();
        format!("{error:#}").replace(&place.path().display().to_string(), "x-keys")
    };
    let key = place.path().join("secure-boot.key");
    std::os::unix::fs::symlink("secure-boot.key", &key).unwrap();
    let wanted = "keys: reading x-keys/secure-boot.key: Too many levels of symbolic links";
    assert!(said().starts_with(wanted), "{}", said());
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    assert_eq!(said(), "keys: reading x-keys/secure-boot.key: it is a folder, not a file");
}

/// A keyring of a version that made no key for debug images.
#[test]
fn a_debug_image_is_not_signed_with_the_key_of_images_for_use() {
    let place = temporary::folder().unwrap();
    let folder = place.path().join("x-keys");
    std::fs::create_dir(&folder).unwrap();
    for name in ["pcr-private.pem", "secure-boot.key", "secure-boot.crt"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    let debug = Pcr::of(true, false, 0);
    let error = Keys::find(&folder.join(""), debug, "x").unwrap_err().to_string();
    assert!(error.contains("pcr-debug-private.pem is missing, which signs images with debug"), "{error}");
    let next = format!("`pattern gen-keyring {}/x --add-missing` adds it", place.path().display());
    assert!(error.contains(&next), "{error}");
    assert_eq!(
        Keys::find(&folder, Pcr::of(false, false, 0), "x").unwrap().pcr(),
        folder.join("pcr-private.pem")
    );

    std::fs::write(folder.join("pcr-debug-private.pem"), "").unwrap();
    assert_eq!(Keys::find(&folder, debug, "x").unwrap().pcr(), folder.join("pcr-debug-private.pem"));
}

/// An image of a later epoch opens what the version before sealed.
#[test]
fn the_key_of_the_epoch_before_signs_too() {
    let place = temporary::folder().unwrap();
    let folder = place.path().join("x-keys");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str| std::fs::write(folder.join(name), "").unwrap();
    ["secure-boot.key", "secure-boot.crt"].into_iter().for_each(write);
    let find = |epoch| Keys::find(&folder, Pcr::of(false, false, epoch), "x");
    let error = find(2).unwrap_err().to_string();
    assert!(
        error.contains("pcr-epoch-2-private.pem is missing, which signs images with image.epoch = 2"),
        "{error}"
    );
    let next = format!("`pattern gen-keyring {}/x --epoch 2` adds it", place.path().display());
    assert!(error.contains(&next), "{error}");
    write("pcr-epoch-2-private.pem");
    let error = find(2).unwrap_err().to_string();
    assert!(error.contains("has no key of an epoch before 2, which signs too"), "{error}");
    ["pcr-private.pem", "pcr-epoch-3-private.pem", "pcr-debug-private.pem"].into_iter().for_each(write);
    let keys = find(2).unwrap();
    assert_eq!(keys.pcr(), folder.join("pcr-epoch-2-private.pem"));
    assert_eq!(keys.pcr_before(), Some(&*folder.join("pcr-private.pem")));
    std::fs::write(folder.join("pcr-epoch-2-private.pem"), "two\n").unwrap();
    std::fs::write(folder.join("pcr-private.pem"), "zero\n").unwrap();
    let joined = keys.joined(place.path()).unwrap();
    let file = joined.file().to_owned();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\nzero\n");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777,
        0o600
    );
    drop(joined);
    assert!(!file.exists());
    let one = find(0).unwrap().joined(place.path()).unwrap();
    assert_eq!(one.file(), folder.canonicalize().unwrap().join("pcr-private.pem"));
    drop(one);
    assert!(folder.join("pcr-private.pem").exists());
    assert_eq!(find(3).unwrap().pcr_before(), Some(&*folder.join("pcr-epoch-2-private.pem")));
    assert_eq!(find(0).unwrap().pcr_before(), None);
}

#[test]
fn only_the_explicit_option_signs_a_debug_image_as_production() {
    assert_eq!(Pcr::of(true, true, 2), Pcr::Production(2));
    assert_eq!(Pcr::of(true, false, 0), Pcr::Debug);
    assert_eq!(Pcr::of(false, true, 0), Pcr::Production(0));
}
