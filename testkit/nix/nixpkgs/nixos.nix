# `nixosSystem` of the stand-in: NixOS's own options that Pintle's modules set or read, over the fixture's generation 2.
{ lib, pkgs }:
{ modules, system }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  base =
    { config, ... }:
    {
      options = {
        assertions = option (types.listOf types.attrs) [ ];
        fileSystems."/" = {
          device = mkOption { type = types.str; };
          fsType = mkOption { type = types.str; };
          autoResize = option types.bool false;
        };
        boot.growPartition = option types.bool false;
        boot.loader = {
          timeout = option (types.nullOr types.ints.positive) 5;
          efi.efiSysMountPoint = option types.str "/boot";
          grub.enable = option types.bool true;
          supportsInitrdSecrets = option types.bool true;
          external = {
            enable = lib.mkEnableOption "an external tool";
            installHook = mkOption { type = types.path; };
          };
        };
        system.stateVersion = mkOption { type = types.str; };
        system.build = option types.attrs { };
        systemd.package = option types.package pkgs.systemd;
      };
      config = {
        boot.loader.supportsInitrdSecrets = lib.mkIf config.boot.loader.external.enable (lib.mkDefault false);
        system.build.toplevel = pkgs.toplevels.gen2;
      };
    };
in
assert system == "x86_64-linux";
lib.evalModules {
  modules = [ base ] ++ modules;
  specialArgs = { inherit pkgs; };
}
// {
  inherit pkgs;
}
