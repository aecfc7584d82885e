{
  description = "Systems that are one image: verified /usr, signed updates, one encrypted partition that keeps what is asked";

  inputs.nixpkgs.url = "github:nixos/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      inherit (self.packages.${system}) pattern;
      demo =
        modules:
        nixpkgs.lib.nixosSystem {
          inherit system;
          modules = [
            self.nixosModules.pattern
            ./nix/demo
          ]
          ++ modules;
        };
      script = name: text: pkgs.writeShellScriptBin name text;
    in
    {
      # The programs are those of this flake, whose nixpkgs has the Rust that they need; `pattern.package` takes others.
      nixosModules.pattern =
        { lib, pkgs, ... }:
        {
          imports = [ ./nix/module ];
          pattern = lib.mkIf (pkgs.stdenv.hostPlatform.system == system) {
            package = lib.mkDefault self.packages.${system}.programs;
            fetch = lib.mkDefault self.packages.${system}.fetch;
          };
        };
      nixosModules.default = self.nixosModules.pattern;

      nixosConfigurations = {
        demo = demo [ { pattern.image.version = "0.0.1"; } ];
        demo-update = demo [
          {
            pattern.image.version = "0.0.2";
            environment.systemPackages = [ pkgs.fastfetch ];
          }
        ];
      };

      packages.${system} = {
        default = pattern;
        pattern = pkgs.callPackage ./nix/packages/tool.nix { };
        programs = pkgs.callPackage ./nix/packages/programs.nix { };
        fetch = pkgs.callPackage ./nix/packages/fetch.nix { };
        programs-static = pkgs.pkgsStatic.callPackage ./nix/packages/programs.nix {
          tpm2-tss = pkgs.pkgsStatic.callPackage ./nix/packages/tpm2-tss.nix { };
        };
        demo = self.nixosConfigurations.demo.config.pattern.release;
        demo-update = self.nixosConfigurations.demo-update.config.pattern.release;
        gen-keyring = script "gen-keyring" ''exec ${pattern}/bin/pattern gen-keyring "$@"'';
        sign-image = script "sign-image" ''exec ${pattern}/bin/pattern sign-image "$@"'';
        sign-release = script "sign-release" ''exec ${pattern}/bin/pattern sign-release "$@"'';
        run-demo = script "run-demo" ''
          if [ $# = 0 ] || [ "''${1#-}" != "$1" ]; then
            echo "usage: run-demo IMAGE [OPTION]..., with the options of pattern run" >&2
            exit 2
          fi
          image=$1
          shift
          exec ${pattern}/bin/pattern run "$image" --disk +6G "$@"
        '';
      };

      checks.${system} = {
        inherit (self.packages.${system}) programs fetch;
        # As it is evaluated where there is no Nix store, with the real lib.
        evaluation = pkgs.writeText "evaluation.json" (
          builtins.toJSON (import ./nix/check { nixpkgsLib = nixpkgs + "/lib"; })
        );
        # Both need KVM.
        boots = pkgs.callPackage ./nix/packages/boots.nix { module = self.nixosModules.pattern; };
        scenarios = pkgs.callPackage ./nix/packages/scenarios.nix {
          inherit pattern;
          image = self.packages.${system}.demo;
          id = "demo_0.0.1";
        };
      };

      formatter.${system} = pkgs.nixfmt-tree;

      devShells.${system}.default = pkgs.mkShell {
        inputsFrom = [
          pattern
          self.packages.${system}.programs
        ];
        packages = [
          pkgs.clippy
          pkgs.deadnix
          pkgs.nixfmt
          pkgs.rustfmt
        ];
      };

      overlays.default = final: _: {
        pattern = final.callPackage ./nix/packages/tool.nix { };
        pattern-programs = final.callPackage ./nix/packages/programs.nix { };
        pattern-fetch = final.callPackage ./nix/packages/fetch.nix { };
      };

      templates.default = {
        path = ./nix/template;
        description = "A system of your own";
      };
    };
}
