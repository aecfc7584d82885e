# NixOS's own test driver starts an image, with a disk that has room and a software TPM: first boot, and a boot that opens the volume.
{
  testers,
  module,
}:
testers.runNixOSTest {
  name = "pattern-boots";

  nodes.machine =
    { lib, modulesPath, ... }:
    {
      imports = [
        module
        "${modulesPath}/profiles/qemu-guest.nix"
      ];

      pattern = {
        debug = true;
        image = {
          id = "boots";
          version = "1";
          updates.url = "https://example.org/boots";
          updates.pubring = ../check/demo-pubring.pgp;
        };
        partitions = {
          sizes = {
            esp = "200M";
            verity = "200M";
            usr = "2G";
          };
          persist = {
            home = true;
            var = true;
          };
        };
      };

      # The image is the disk, with nothing of the machine that the test runs on, and its own file systems.
      virtualisation = {
        directBoot.enable = false;
        mountHostNixStore = false;
        useEFIBoot = true;
        tpm.enable = true;
        fileSystems = lib.mkVMOverride { };
      };
    };

  testScript =
    { nodes, ... }:
    let
      inherit (nodes.machine) virtualisation pattern;
    in
    # python
    ''
      import os
      import subprocess
      import tempfile

      disk = tempfile.NamedTemporaryFile()
      image = "${pattern.release}/boots_1.raw"
      make = ["${virtualisation.qemu.package}/bin/qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", image, disk.name, "10G"]
      subprocess.run(make, check=True)
      os.environ["NIX_DISK_IMAGE"] = disk.name

      with subtest("the first boot makes a volume that the TPM opens"):
          machine.wait_for_unit("multi-user.target")
          machine.succeed("findmnt --source /dev/mapper/persist /home")
          machine.succeed("dmsetup table usr | grep ' verity '")
          machine.fail("touch /usr/file")
          machine.succeed("findmnt --type tmpfs /")
          machine.succeed("pattern status")
          machine.succeed("test -x /usr/libexec/pattern-fetch")
          machine.succeed("echo kept >/home/file && sync")
          machine.shutdown()

      with subtest("the second boot has what was kept"):
          machine.start()
          machine.wait_for_unit("multi-user.target")
          assert "kept" in machine.succeed("cat /home/file")
    '';
}
