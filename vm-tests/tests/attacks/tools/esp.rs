//! Folders of the EFI system partition, which everybody writes who has the disk.

/// Where systemd-stub looks for credentials of all images.
pub(crate) const CREDENTIALS: &str = "::/loader/credentials";
/// The same for add-ons.
pub(crate) const ADD_ONS: &str = "::/loader/addons";
/// Unified kernel images.
pub(crate) const IMAGES: &str = "::/EFI/Linux";
