# Every key of pattern.toml, by its own name; docs/man/pattern.toml.5.md has the details. A test holds this list against
# that of the programs.
{ lib, ... }:
let
  inherit (lib) mkOption types;

  flag =
    description:
    mkOption {
      type = types.bool;
      default = false;
      example = true;
      inherit description;
    };
  # The form of a value. What it means, pattern.toml is checked for when it is built.
  text = form: types.strMatching form;
  size =
    example: description:
    mkOption {
      type = text "[0-9]+[KMGT]?";
      inherit description example;
    };
in
{
  options.pattern = {
    debug = flag "Root logs in by itself on the consoles, and all `pattern.` flags are honoured.";

    image = {
      id = mkOption {
        type = text "[a-z0-9]([a-z0-9.-]*[a-z0-9])?";
        example = "demo";
        description = "Name of the image: a-z, 0-9, `.` and `-`.";
      };
      version = mkOption {
        type = text "[A-Za-z0-9][A-Za-z0-9.-]{0,28}";
        example = "0.0.1";
        description = "Version of the image: at most 29 of A-Z, a-z, 0-9, `.` and `-`.";
      };
      epoch = mkOption {
        type = types.ints.between 0 2147483647;
        default = 0;
        example = 1;
        description = "Versions with a lower number no longer open the volume once this one was kept; each number has a key of its own.";
      };
      updates = {
        url = mkOption {
          type = text "(https?://|file:///)[^/].*";
          example = "https://example.org/demo";
          description = "Where new versions are published: an https, http or file URL.";
        };
        pubring = mkOption {
          type = types.path;
          example = lib.literalExpression "./demo-pubring.pgp";
          description = "Keyring that updates are verified with.";
        };
        limit = mkOption {
          type = types.nullOr (text "[0-9]+[KMGT]?");
          default = null;
          example = "50M";
          description = "The most that `systemd-sysupdate.timer` has fetched of a version, except over a connection that is not metered.";
        };
        window = mkOption {
          type = types.nullOr (text "[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]");
          default = null;
          example = "01:00-05:00";
          description = "Times of the day between which `limit` does not count, such as `01:00-05:00`.";
        };
      };
    };

    partitions = {
      disk = mkOption {
        type = text "auto|/dev/.+";
        default = "auto";
        example = "/dev/nvme0n1";
        description = "The disk that must hold the image: `auto`, or a path under `/dev`.";
      };
      sizes = {
        esp = size "200M" "Size of the EFI system partition, at least 40M.";
        verity = size "200M" "Size of each hash tree partition, large enough for `usr`.";
        usr = size "2G" "Size of each `/usr` partition, at least 64M.";
      };
      persist = {
        etc = flag "Keep `/etc`.";
        home = flag "Keep `/home`.";
        srv = flag "Keep `/srv`.";
        var = flag "Keep `/var`.";
        rollback = mkOption {
          type = types.listOf (types.strMatching "/var/.+");
          default = [ ];
          example = [ "/var/lib/app" ];
          description = "Paths below `/var` that go back if a new version fails its trial.";
        };
      };
    };

    userspace = {
      homed = flag "Home directories by systemd-homed.";
      desktop = flag "A desktop.";
      distrobox = flag "Other distributions in containers.";
      sandboxing = flag "Tools that confine applications.";
      firmware = flag "Firmware and microcode of PCs, which is not free software.";
    };

    volume = {
      filesystem = mkOption {
        type = types.enum [
          "xfs"
          "ext4"
          "btrfs"
        ];
        default = "xfs";
        example = "btrfs";
        description = "File system of a new persist volume.";
      };
      tpm = mkOption {
        type = types.enum [
          "required"
          "preferred"
        ];
        default = "required";
        example = "preferred";
        description = "Whether a new volume needs a TPM; with `preferred`, a machine without one asks for a passphrase.";
      };
      pcrs = mkOption {
        type = types.nullOr (types.listOf (types.ints.between 0 23));
        default = null;
        example = [ 7 ];
        description = "TPM registers that must be unchanged for the volume to open by itself, beside 7, 12 and 15, which an image with `debug = false` always binds.";
      };
      pin = flag "Ask for a PIN at each boot; the owner chooses it when the volume is made.";
      counter = flag "Have the TPM count: it refuses an old copy of the volume, and keys of it that were replaced.";
      secure_boot = mkOption {
        type = types.nullOr (
          types.enum [
            "required"
            "optional"
          ]
        );
        default = null;
        example = "optional";
        description = "Whether a new volume needs Secure Boot: `required`, the default with `debug = false`, or `optional`.";
      };
      recovery_key = flag "Make a recovery key with the volume and show it once on the console.";
      escrow = mkOption {
        type = types.listOf (text "age1[a-z0-9]+");
        default = [ ];
        example = [ "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92" ];
        description = "Public keys of age that each new recovery key is encrypted to.";
      };
    };

    verity.on_corruption = mkOption {
      type = types.enum [
        "restart"
        "panic"
        "io-error"
      ];
      default = "restart";
      example = "panic";
      description = "What to do when a block of `/usr` fails verification.";
    };

    boot = {
      essential = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "sshd.service" ];
        description = "Units that must work for a new version to be kept.";
      };
      flags = mkOption {
        type = types.listOf (
          types.enum [
            "break"
            "volatile"
            "plan_only"
            "grow"
          ]
        );
        default = [ ];
        example = [ "grow" ];
        description = "`pattern.` flags that are honoured although `debug` is false.";
      };
      credentials = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "home.create.*" ];
        description = "Credentials that a machine with `debug = false` takes from its firmware: names, or their beginning and a `*`.";
      };
      add_on_words = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "console=*" ];
        description = "Words of the kernel command line that a signed add-on may have, so that the owner can bind the volume to it: words, or a key and `=*`.";
      };
      secure_boot_enroll = mkOption {
        type = types.enum [
          "if-safe"
          "manual"
          "force"
          "off"
        ];
        default = "if-safe";
        example = "manual";
        description = "When the boot loader enrolls the image's keys for Secure Boot in firmware that has none.";
      };
    };
  };
}
