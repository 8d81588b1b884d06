{
  description = "A stand-in for nixpkgs: what Pintle's flake uses of it, made of the fixture's Debian files";

  # `in`, the folder of files that system.nix is made of, is put beside this file by the test.
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      pkgs = import ./pkgs.nix {
        inherit lib;
        debs = ./in;
        systems = import ./system.nix { debs = ./in; };
      };
    in
    {
      lib = lib // {
        nixosSystem = import ./nixos.nix { inherit lib pkgs; };
      };
      legacyPackages.x86_64-linux = pkgs;
    };
}
