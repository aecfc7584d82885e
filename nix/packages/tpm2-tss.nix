# tpm2-tss for a static program, as static/build makes it: nothing is loaded at run time.
{ tpm2-tss }:
tpm2-tss.overrideAttrs (old: {
  configureFlags =
    old.configureFlags
    ++ [
      "--disable-shared"
      "--enable-static"
      "--enable-nodl"
      "--with-crypto=ossl"
      "--disable-fapi"
      "--disable-policy"
      "--enable-tcti-device"
      "--enable-tcti-swtpm"
    ]
    ++ map (name: "--disable-tcti-${name}") [
      "mssim"
      "pcap"
      "libtpms"
      "cmd"
      "spi-helper"
      "spi-ltt2go"
      "spidev"
      "spi-ftdi"
      "i2c-helper"
      "i2c-ftdi"
    ];
  # Both archives define a symbol that is meant for dlopen only, and the loader's .pc forgets what it was linked with.
  postInstall = old.postInstall + ''
    for name in device swtpm; do
      $OBJCOPY --localize-symbol=Tss2_Tcti_Info $out/lib/libtss2-tcti-$name.a
    done
    echo 'Requires.private: tss2-tcti-device tss2-tcti-swtpm tss2-mu' >>$out/lib/pkgconfig/tss2-tctildr.pc
  '';
})
