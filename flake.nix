{
  description = "Builds, boots, provisions and updates declarative Linux servers";

  # A Rust of 1.95 or later is in there. Whoever uses this flake sets `inputs.pintle.inputs.nixpkgs.follows`.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [ "x86_64-linux" ];
      each = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      packageOf = pkgs: pkgs.callPackage ./nix/package.nix { };
      modules = {
        image = import ./nix/module.nix { inherit packageOf; };
        bootloader = import ./nix/bootloader.nix { inherit packageOf; };
      };
    in
    {
      packages = each (pkgs: rec {
        pintle = packageOf pkgs;
        default = pintle;
      });

      overlays.default = final: _previous: { pintle = packageOf final; };

      # `default` has both; neither does anything before it is asked to.
      nixosModules = modules // {
        default.imports = [
          modules.image
          modules.bootloader
        ];
      };

      # mkImage { nixos = nixosConfigurations.web; formats = [ "digitalocean" ]; }: see nix/mk-image.nix.
      lib.mkImage = import ./nix/mk-image.nix { inherit packageOf; };

      checks = each (pkgs: {
        package = self.packages.${pkgs.stdenv.hostPlatform.system}.pintle;
        image = self.lib.mkImage {
          nixos = lib.nixosSystem {
            inherit (pkgs.stdenv.hostPlatform) system;
            modules = [
              self.nixosModules.default
              { system.stateVersion = lib.trivial.release; }
            ];
          };
        };
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (packageOf pkgs) ];
          packages = [
            pkgs.cargo
            pkgs.clippy
            pkgs.rustfmt
            pkgs.qemu
          ];
        };
      });

      formatter = each (pkgs: pkgs.nixfmt-tree);
    };
}
