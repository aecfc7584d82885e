# The static program under its names, as static/build and static/cargo make them on Debian.
{
  lib,
  pkgsStatic,
}:
let
  inherit (import ./stages.nix) stages;
  top = ../..;
in
pkgsStatic.rustPlatform.buildRustPackage {
  pname = "pattern-programs";
  inherit ((lib.importTOML (top + "/Cargo.toml")).workspace.package) version;
  src = import ./source.nix { inherit lib; };
  cargoLock.lockFile = top + "/Cargo.lock";
  cargoBuildFlags = [
    "-p"
    "pattern-initrd"
  ];
  # They need a software TPM and machines: `make check`.
  doCheck = false;

  nativeBuildInputs = [
    pkgsStatic.buildPackages.pkg-config
    pkgsStatic.buildPackages.rustPlatform.bindgenHook
  ];
  buildInputs = [
    pkgsStatic.cryptsetup
    pkgsStatic.json_c
    pkgsStatic.libuuid
    pkgsStatic.lvm2
    pkgsStatic.openssl
    pkgsStatic.tpm2-tss
  ];
  env.PKG_CONFIG_ALL_STATIC = "1";

  postInstall = ''
    install -D --target-directory=$out/lib/pattern $out/bin/pattern-initrd
    mkdir -p $out/lib/systemd/system-generators
    ln -s ../../pattern/pattern-initrd $out/lib/systemd/system-generators/pattern-generator
    rm -r $out/bin
    for stage in ${toString stages}; do
      ln -s pattern-initrd $out/lib/pattern/$stage
    done
    install -D --target-directory=$out/lib/udev/rules.d \
      nix/90-pattern-dm.rules
    mkdir $out/bin
    ln -s ../lib/pattern/pattern-initrd $out/bin/pattern
  '';

  passthru = { inherit stages; };
  meta = {
    description = "The programs and the generator of a pattern image's initrd";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
