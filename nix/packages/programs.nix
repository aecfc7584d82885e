# The program of the initrd under its names, with the libraries of nixpkgs. With `pkgsStatic.callPackage` it is one static file:
# then it needs ./tpm2-tss.nix, and nobody has built that Rust yet, so the builder compiles it first.
{
  lib,
  stdenv,
  rustPlatform,
  rustc,
  pkg-config,
  cryptsetup,
  tpm2-tss,
}:
let
  inherit (import ./stages.nix) stages;
  top = ../..;
  needs = import ./rust.nix rustc;
in
needs (
  rustPlatform.buildRustPackage {
    pname = "pattern-programs";
    inherit ((lib.importTOML (top + "/Cargo.toml")).workspace.package) version;
    src = import ./source.nix;
    cargoLock.lockFile = top + "/Cargo.lock";
    cargoBuildFlags = [
      "-p"
      "pattern-initrd"
    ];
    # They need a software TPM and machines: `make check`.
    doCheck = false;

    nativeBuildInputs = [
      pkg-config
      rustPlatform.bindgenHook
    ];
    buildInputs = [
      cryptsetup
      tpm2-tss
    ];
    env = lib.optionalAttrs stdenv.hostPlatform.isStatic { PKG_CONFIG_ALL_STATIC = "1"; };

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
)
