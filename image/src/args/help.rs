//! The text of `pattern --help`.

/// The text of `--help`.
pub const HELP: &str = "\
Usage: pattern COMMAND

  config check FILE...    report every problem in a pattern.toml
      --json              as one JSON array
  build DIR               make an image from DIR/pattern.toml and DIR's mkosi configuration
      --keys DIR          sign PCR 11, kernel image and boot loader with these keys (gen-keyring's NAME-keys)
      --sign-debug-as-production
                          sign PCR 11 of an image with debug = true with the key of images for use: it opens
                          their volumes and gives root a shell
      --output DIR        where images go (default: build/images)
      --tools DIR         where the tools tree is kept (default: build/tools)
      --data DIR          the files this program was installed with
  run IMAGE               boot a copy of an image under QEMU with a software TPM, console attached
      --disk SIZE         make the copy's disk this large, or larger by +SIZE (default: +8G)
      --persist DIR       keep disk, TPM and UEFI variables in DIR, and go on from there next time
      --memory SIZE       memory (default: 2G)
      --secure-boot       firmware with Secure Boot: in Setup Mode until an image enrolls its keys
      --append WORDS      more words for the kernel command line
      --display TO        give it a display and a keyboard, in a window or elsewhere: gtk, sdl, vnc=:1 (qemu(1))
      --load-credential ID:PATH
                          give the system this credential
      --server PORT       let the guest reach this host's loopback PORT as http://10.0.2.100:8000
      --tools DIR         tools tree to take QEMU from when the host's is too old (default: build/tools)

  gen-keyring NAME        make keys: NAME-gpg signs releases, systems verify them with NAME-pubring.pgp,
                          NAME-keys is for PCR policies and Secure Boot
      --add-missing       add the keys that a keyring of an older version lacks, and change nothing else
      --epoch N           add the key of images with image.epoch = N to a keyring, and change nothing else
      --tools DIR         tools tree with gpg and openssl for a host that has none (default: build/tools)
  sign-release RESULT GPGHOME
                          add the image that build wrote to RESULT to a folder that systems update from,
                          and sign that
      --output DIR        that folder (default: pattern-release)
      --compress HOW      xz, gz or none (default: xz)
      --tools DIR         tools tree with gpg and xz for a host that has none (default: build/tools)

  recovery decrypt FILE   print the recovery key that a machine left in FILE (- for standard input), encrypted
      --identity KEYFILE  the secret key to one of volume.escrow, as age-keygen writes it

  --help, --version

Exit status: 0 success, 1 failure, 2 wrong usage.
";
