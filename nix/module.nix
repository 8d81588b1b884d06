# NixOS module: disk images of the system as `system.build.pintleImage`, set up by `pintle.image`.
#
#   nix build .#nixosConfigurations.web.config.system.build.pintleImage
{ packageOf }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkDefault mkOption types;
  cfg = config.pintle.image;
  mkImage = import ./mk-image.nix { inherit packageOf; };
  uses = way: cfg.bootloader == way || cfg.bootloader == "both";
in
{
  options.pintle = {
    package = mkOption {
      type = types.package;
      default = packageOf pkgs;
      defaultText = lib.literalExpression "the package of Pintle's flake, of this system's pkgs";
      description = "The program that makes images and installs boot entries.";
    };

    image = {
      formats = mkOption {
        type = types.listOf types.str;
        default = [ "raw" ];
        example = [
          "qcow2"
          "digitalocean"
        ];
        description = "Formats to write, all in one build; `image.formats` in Pintle's option reference lists them.";
      };
      name = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "Name of the files; by default the host's name.";
      };
      free = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "2G";
        description = "Free space in the root file system; by default 256M. It grows when the machine starts.";
      };
      size = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "10G";
        description = "Size of the whole disk; by default as small as its content and `free` allow.";
      };
      label = mkOption {
        type = types.str;
        default = "nixos";
        description = "Label of the root file system, by which the system finds it.";
      };
      bootloader = mkOption {
        type = types.enum [
          "both"
          "bios"
          "uefi"
        ];
        default = "both";
        description = "How the image starts: by GRUB on BIOS, by systemd-boot and unified kernel images on UEFI, or both.";
      };
      bootFiles = mkOption {
        type = types.listOf types.package;
        default = [ config.systemd.package ] ++ lib.optional (uses "bios") pkgs.grub2;
        defaultText = lib.literalExpression "[ config.systemd.package pkgs.grub2 ]";
        description = "Packages with `lib/systemd/boot/efi` and `lib/grub/i386-pc`.";
      };
      settings = mkOption {
        type = types.attrsOf types.attrs;
        default = { };
        example = lib.literalExpression "{ image.sbom = [ \"spdx\" ]; }";
        description = "Anything else of the sections `source` and `image` of Pintle's option reference.";
      };
    };
  };

  config = {
    # What an image needs of its system. All of it gives way to what the configuration says itself.
    fileSystems."/" = {
      device = mkDefault "/dev/disk/by-label/${cfg.label}";
      fsType = mkDefault "ext4";
      autoResize = mkDefault true;
    };
    boot.growPartition = mkDefault true;
    boot.loader.grub.enable = mkDefault false;

    system.build.pintleImage = mkImage {
      inherit pkgs;
      inherit (cfg)
        formats
        name
        free
        size
        label
        bootFiles
        settings
        ;
      inherit (config.system.build) toplevel;
      bios = uses "bios";
      uefi = uses "uefi";
      pintle = config.pintle.package;
    };
  };
}
