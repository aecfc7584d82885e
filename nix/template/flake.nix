{
  description = "A system that is one image";

  inputs = {
    nixpkgs.url = "github:nixos/nixpkgs/nixos-unstable";
    # Where the module was published: as in `nix flake init --template`.
    pattern.url = "github:OWNER/pattern";
    pattern.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, pattern, ... }:
    {
      nixosConfigurations.mine = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          pattern.nixosModules.pattern
          ./configuration.nix
        ];
      };
    };
}
