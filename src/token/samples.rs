//! A key, and what stock tools print for it: `openssl rsa -RSAPublicKey_out`,
//! `tpm2_loadexternal -a 'sign|decrypt|userwithauth'`, and `systemd-measure sign` for a UKI whose
//! section `.linux` is "test\n".

/// RSA-2048.
pub(crate) const PEM: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr0LHy7iIGPT0+SlLwyc8\n\
dR77enZuUEWzrqfrZHs1w/R3pciXhGitdN0N5vqSYpLTzEPQAaMg3mUoIhfggPAY\n\
Fmesqr/5iw8fMyoGOEc7NAcv/6iYb1iAyV6desTq1GwRbbYfAkS0Jkeyne1ezySb\n\
4yEUmwyb8QwjK0Jl9Y5Wy+jrGGQCmFQfG5zQPLU0k47aIK5QzzFIxrZLLMcVPOIc\n\
oyfeVn74ivdCBrdm31VG4XuZeZdoNcdPUH1zIStSUahklrnlv3VKul+auS88NpV3\n\
UtovO8XDxomT+P8AxUekbfhN9VmK1CIIWwCHbzY1WHMjzz7rtJqhRK5uDOCEguYQ\n\
EwIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

/// Its `pkfp`.
pub(crate) const FINGERPRINT: &str = "6efb2921a038523acdd68075014911e40118ca31197c7109849d7bf7cab09749";

/// Its name in a TPM.
pub(crate) const NAME: &str = "000bc4ea4cc9e427f97be1eecbe8ff77c0f11e72e87d5f1af0a852a0cc6b576a9007";

/// A key that is too small.
pub(crate) const PEM_RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDmFQYKVUg6c7G0KikYYa9NGmFh\n\
KHEyFyPxwQGFqRn654j3Dq7Sobn5dnQCoNxlf0Yer2uS+feUx4spMqdKe6xAfNMp\n\
BgdoROh0qNrYHjUwhlObaw3MpOxVoifzQp8xfIR/2YJGtz/maxivR7poRQ9FwYxQ\n\
icGbn/D+Wbus38W67QIDAQAB\n\
-----END PUBLIC KEY-----\n\
";

/// A key that `systemd-measure` does not sign with.
pub(crate) const PEM_P256: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGcpDrdTkv/GELzU9yL0GwBQNlyiV\n\
9zqkPVrTaDIv2/g7pEOW6BgXo7FjxJZgQ9TBw6twUXQ3Ufgjv/2m8tr1hg==\n\
-----END PUBLIC KEY-----\n\
";

/// PCR 11 after that UKI was started and `enter-initrd` measured.
pub(crate) const PCR_11: &str = "400258b1d088647f0848192a4351609cf8b152c0df588bf6d83acca3cf86d80b";

/// The signature file for that value.
pub(crate) const SIGNATURES: &str = r#"{"sha256":[{"pcrs":[11],
"pkfp":"6efb2921a038523acdd68075014911e40118ca31197c7109849d7bf7cab09749",
"pol":"09c6d12de02e509a85970c7a9eb15d69636b24a2788bf207ab8d709862186b13",
"sig":"PrQVZdYwIXNfBjRs08g60fUJ6Huue7N3h1ZshVYOERize8MKMh8/cXWXsaM/oaBeFqM5nLlWVByAmTmybxTTOjTrixCf3pW6v0ebC71XgZ0V9u/7W8Mxr+yBoJD+LNd6mzGGwYQODaJ9Y1ue7OeD372injMnY3l03z1sGb9/Dfs0PRrPuLoRLTjW5d0MaMOYulHhA4nP77aGe6F57pbVB9RnDko5wJph4x5Q8VqMds9FuBwzCEBgY7bah1Emis3B9PcPWVrJtpQuppP3vOIKbznE4PikJ5syTWAJMm7tcx78SBy3ubTlXyDeUhFdh8Ly8BS2pRR5E8FMqBE93fZsVA=="}]}"#;
