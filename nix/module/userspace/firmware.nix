# What processors, graphics, Wi-Fi, Bluetooth and sound of PCs load. Microcode is not part of the kernel image.
{ config, lib, ... }:
lib.mkIf config.pattern.userspace.firmware {
  hardware.enableRedistributableFirmware = true;
}
