use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

mod shapes;

const PUBLIC: &str = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";

const SECRET: &str = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";

/// Both forms of a file, as the original age wrote them.
const WRITTEN: [&[u8]; 2] = [
    include_bytes!("../../tests/fixtures/age/bare.age"),
    include_bytes!("../../tests/fixtures/age/armored.age"),
];

fn ours() -> Vec<Identity> {
    Identity::parse_file(SECRET).ok().unwrap()
}

#[test]
fn what_age_wrote_is_read() {
    for file in WRITTEN {
        assert_eq!(**decrypt(file, &ours()).unwrap(), *b"kept\n");
    }
}

fn random() -> Result<Random, Error> {
    let mut bytes = Random::default();
    let mut source = fs::File::open("/dev/urandom").unwrap();
    std::io::Read::read_exact(&mut source, &mut *bytes).unwrap();
    Ok(bytes)
}

/// Makes a folder with keys of `age-keygen`. Returns it with the keys.
fn keygen(name: &str) -> (PathBuf, Recipient, Vec<Identity>) {
    let folder = std::env::temp_dir().join(format!("pattern-age-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("key");
    let made = Command::new("age-keygen").arg("-o").arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let text = fs::read_to_string(path).unwrap();
    let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    (folder, Recipient::parse(public).unwrap(), Identity::parse_file(&text).ok().unwrap())
}

/// Runs Debian's `age`. Its input is a file, because it writes before it has read everything.
fn age(folder: &Path, words: &[&str], input: &[u8]) -> Vec<u8> {
    fs::write(folder.join("input"), input).unwrap();
    let output = Command::new("age").args(words).arg("input").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "age {words:?}: {output:?}");
    output.stdout
}

/// Lengths close to the ends of chunks and lines.
const LENGTHS: [usize; 7] = [0, 1, 72, 65535, 65536, 65537, 200_000];

#[test]
#[ignore = "needs age: `make test` installs it"]
fn the_real_age_reads_what_we_write() {
    let (folder, first, _) = keygen("reads");
    let (_, second, identities) = keygen("reads-too");
    for length in LENGTHS {
        let content = vec![0xa5; length];
        let file = encrypt(&content, &[second.clone(), first.clone()], random).unwrap();
        assert!(age(&folder, &["--decrypt", "-i", "key"], file.as_bytes()) == content, "{length}");
        assert!(*decrypt(file.as_bytes(), &identities).unwrap() == content, "{length}");
    }
}

#[test]
#[ignore = "needs age: `make test` installs it"]
fn we_read_what_the_real_age_writes() {
    let (folder, recipient, identities) = keygen("writes");
    for length in LENGTHS {
        let content = vec![0x5a; length];
        for words in [&["-r", recipient.as_str()][..], &["-a", "-r", PUBLIC, "-r", recipient.as_str()]] {
            let file = age(&folder, words, &content);
            assert!(*decrypt(&file, &identities).unwrap() == content, "{length} {words:?}");
        }
    }
}

#[test]
fn each_changed_byte_is_noticed() {
    let [file, _] = WRITTEN;
    for index in 0..file.len() {
        let mut changed = file.to_vec();
        changed[index] ^= 1;
        assert!(decrypt(&changed, &ours()).is_err(), "byte {index}");
        assert!(decrypt(&file[..index], &ours()).is_err(), "cut at {index}");
    }
}

#[test]
fn a_public_key_is_told_from_all_else() {
    assert_eq!(Recipient::parse(PUBLIC).unwrap().as_str(), PUBLIC);
    let zero = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z";
    for (text, wrong) in [
        (SECRET, KeyError::Secret),
        (&SECRET.to_lowercase(), KeyError::Secret),
        (&PUBLIC.replacen("7w23", "7w2q", 1), KeyError::Mistyped),
        (&PUBLIC[..40], KeyError::Mistyped),
        (&PUBLIC.to_uppercase(), KeyError::Unknown),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", KeyError::Unknown),
        (zero, KeyError::Weak),
        ("", KeyError::Unknown),
    ] {
        assert_eq!(Recipient::parse(text).unwrap_err(), wrong, "{text}");
    }
    let file = |text: &str| Identity::parse_file(text).err().unwrap();
    assert_eq!(file(&format!("# made\n\n{PUBLIC}\n")), (3, KeyError::Public));
    assert_eq!(file("# made\n"), (1, KeyError::Empty));
    assert_eq!(file(&SECRET.replace("PRA", "PRR")), (1, KeyError::Mistyped));
    assert_eq!(file(""), (1, KeyError::Empty));
}
