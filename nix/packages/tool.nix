# The host's tool: keys, signatures, releases, and machines to try an image in. `pattern build` is mkosi's way to an image, and of no use here.
{
  lib,
  rustPlatform,
  rustc,
  makeWrapper,
  runCommand,
  gnupg,
  openssl,
  xz,
  qemu,
  swtpm,
  socat,
  OVMF,
  systemdUkify,
  python3,
  bash,
  util-linux,
  mtools,
  dosfstools,
  erofs-utils,
  sbsigntool,
}:
let
  top = ../..;
  needs = import ./rust.nix rustc;
  # With a TPM, or nothing is measured and no volume is made. Both have the same variables.
  plain = OVMF.override {
    tpmSupport = true;
    fdSize4MB = true;
  };
  secure = OVMF.override {
    tpmSupport = true;
    secureBoot = true;
  };
  # As the programs of a distribution lie below /usr.
  programs = runCommand "pattern-tools" { } ''
    mkdir -p $out/bin $out/lib $out/share/OVMF
    ln -s ${systemdUkify}/lib/systemd $out/lib/systemd
    ln -s ${systemdUkify}/bin/bootctl $out/bin
    ln -s ${qemu}/bin/qemu-system-x86_64 ${swtpm}/bin/swtpm ${swtpm}/bin/swtpm_setup ${socat}/bin/socat $out/bin
    ln -s ${plain.firmware} $out/share/OVMF/OVMF_CODE_4M.fd
    ln -s ${secure.firmware} $out/share/OVMF/OVMF_CODE_4M.secboot.fd
    ln -s ${plain.variables} $out/share/OVMF/OVMF_VARS_4M.fd
  '';
in
needs (
  rustPlatform.buildRustPackage {
    pname = "pattern";
    inherit ((lib.importTOML (top + "/Cargo.toml")).workspace.package) version;
    src = import ./source.nix;
    cargoLock.lockFile = top + "/Cargo.lock";
    cargoBuildFlags = [
      "-p"
      "pattern-image"
    ];
    doCheck = false;
    nativeBuildInputs = [ makeWrapper ];
    postInstall = ''
      wrapProgram $out/bin/pattern \
        --prefix PATH : ${programs}/bin:${
          lib.makeBinPath [
            gnupg
            openssl
            xz
            # what sign-image, addon and show run
            bash
            dosfstools
            erofs-utils
            mtools
            python3
            sbsigntool
            util-linux
          ]
        } \
        --set-default PATTERN_PROGRAMS ${programs}
    '';
    passthru = { inherit programs plain secure; };
    meta = {
      description = "Makes keys and releases of pattern images, and boots them";
      mainProgram = "pattern";
      license = lib.licenses.mit;
      platforms = lib.platforms.linux;
    };
  }
)
