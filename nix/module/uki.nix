# The kernel image with a second profile, as `pattern build` makes it: "Factory reset" in the boot menu. The one of NixOS's
# verity store takes no profile.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.system.boot.loader) ukiFile;
  inherit (config.boot.uki) configFile;
  cmdline = "init=${config.system.build.toplevel}/init ${toString config.boot.kernelParams}";
  systemd = config.systemd.package;
  # A profile has no kernel of its own, and ukify takes none whose first section is not the profile.
  stub = "${systemd}/lib/systemd/boot/efi/addon${pkgs.stdenv.hostPlatform.efiArch}.efi.stub";
in
{
  # NixOS has its own at 99.
  system.build.uki = lib.mkOverride 98 (
    pkgs.runCommand ukiFile
      {
        nativeBuildInputs = [
          pkgs.buildPackages.jq
          pkgs.buildPackages.systemdUkify
        ];
      }
      ''
        mkdir $out
        # Of the image without an EFI system partition, which has the same /usr.
        usrhash=$(jq --raw-output '.[] | select(.type | test("^usr-.*-verity$")) | .roothash' \
          ${config.system.build.intermediateImage}/repart-output.json)
        test ''${#usrhash} = 64
        # systemd-boot starts what it sorts first, and sorts by this name: behind all images.
        printf 'PRETTY_NAME="This system"\nIMAGE_ID=~other\n' >other
        ukify build --stub=${stub} --profile=$'ID=factory-reset\nTITLE="Factory reset"' --os-release=@other \
          --cmdline="${cmdline} usrhash=$usrhash pattern.reset" --output=reset.efi
        ukify build --config=${configFile} --join-profile=reset.efi --cmdline="${cmdline} usrhash=$usrhash" --output=$out/${ukiFile}
      ''
  );
}
