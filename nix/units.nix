# The units that never vary, for the initrd and for the running system.
builtins.mapAttrs (name: _: { text = builtins.readFile (../units + "/${name}"); }) (
  builtins.readDir ../units
)
