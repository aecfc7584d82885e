# Every target installs what it misses on Debian 12 or newer, and says so. Bare `make` lists the targets.

DESTDIR ?=
PREFIX  ?= /usr
T       ?=

HOST     := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
PROGRAM  := target/$(HOST)/release/pattern-initrd
DIST     := build/dist
PATTERN  := $(DIST)/usr/bin/pattern
DEMO     := build/images/demo_0.0.1/demo_0.0.1.raw
KEYRING  := demo/demo-pubring.pgp
DEBUGKEY := demo/demo-keys/pcr-debug-public.pem
EPOCHKEY := demo/demo-keys/pcr-epoch-1-public.pem
BUILD     = $(PATTERN) build --force --keys demo/demo-keys --output build/images --tools build/tools
SCENARIOS = PATTERN_IMAGE=$(CURDIR)/$(DEMO) cargo test -p pattern-vm-tests -- --nocapture --test-threads=2
ATTACKS   = PATTERN_IMAGE=$(CURDIR)/$(DEMO) cargo test -p pattern-vm-tests --test attacks -- --nocapture --test-threads=2
MACHINES  = PATTERN_IMAGE=$(CURDIR)/$(DEMO) cargo test -p pattern-vm-tests --test machines -- --nocapture --test-threads=2
RELEASES := $(addprefix build/releases/,0.0.2 third broken testing options)
USERSPACE = vm-tests/images/userspace

ifeq ($(HOST),)
ifneq ($(filter-out help clean man promises,$(MAKECMDGOALS)),)
$(error This host has no Rust, or root has none in its PATH. Install Rust $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) \
or newer with rustup as the user who runs make, and open a new shell)
endif
endif

.PHONY: help
help: ## try: list the targets
	@for group in try test build "long tests" measure; do \
	  echo "$$group:"; \
	  sed -n "s/^\([a-z-]*\):.*## $$group: \(.*\)/  \1\t\2/p" $(MAKEFILE_LIST) | expand -t 18; done

.PHONY: programs
programs: ## build: build the static program and the host tool
	static/cargo build --release -p pattern-initrd
	static/check $(PROGRAM)
	cargo build --release -p pattern-image -p pattern-fetch
	static/components pattern-initrd >target/components
	static/components pattern-fetch >target/components-of-fetch

.PHONY: install
install: programs ## build: lay the files out for packagers: DESTDIR=, PREFIX=
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin target/release/pattern
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/pattern $(PROGRAM) target/release/pattern-fetch
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/pattern image/tools
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/pattern target/components target/components-of-fetch
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/pattern/units units/*
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	target/release/pattern completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/pattern
	target/release/pattern completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pattern
	target/release/pattern completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pattern.fish
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/pattern README.md CHANGELOG.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/pattern/docs docs/*.md docs/*.svg docs/*.png
	rm -rf $(DESTDIR)$(PREFIX)/share/pattern/mkosi
	cp -r image/mkosi $(DESTDIR)$(PREFIX)/share/pattern/mkosi
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/pattern/mkosi

	if [ -d build/man ]; then for page in build/man/*; do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit; done; fi

# For an image that `pattern build` does not make. The host's tool has the same command name: not in one place with `install`.
STAGES := usr grow reset persist seed credentials latch retry emergency health scrub fallback recovery
LIB     = $(DESTDIR)$(PREFIX)/lib
INITRD := image/mkosi/initrd/mkosi.extra/usr/lib/systemd/system
.PHONY: install-initrd
install-initrd: programs ## build: lay out the part of an image and of its initrd, and the module for dracut: DESTDIR=, PREFIX=
	install -D -m 755 -t $(LIB)/pattern $(PROGRAM)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/libexec target/release/pattern-fetch
	for stage in $(STAGES); do ln -sf pattern-initrd $(LIB)/pattern/pattern-$$stage || exit; done
	install -d $(DESTDIR)$(PREFIX)/bin $(LIB)/systemd/system-generators $(LIB)/systemd/system/factory-reset.target.wants
	ln -sf ../lib/pattern/pattern-initrd $(DESTDIR)$(PREFIX)/bin/pattern
	ln -sf ../../pattern/pattern-initrd $(LIB)/systemd/system-generators/pattern-generator
	install -m 644 -t $(LIB)/systemd/system units/*
	ln -sf ../pattern-reset-request.service $(LIB)/systemd/system/factory-reset.target.wants
	install -D -m 644 -t $(LIB)/udev/rules.d image/mkosi/image/mkosi.extra/usr/lib/udev/rules.d/54-pattern.rules
	install -D -m 755 -t $(LIB)/dracut/modules.d/90pattern initrd/dracut/90pattern/module-setup.sh
	install -m 644 -t $(LIB)/dracut/modules.d/90pattern $(INITRD)/initrd-switch-root.service.d/50-init.conf
	install -D -m 644 -t $(LIB)/dracut/dracut.conf.d initrd/dracut/50-pattern.conf

.PHONY: deb
deb: ## build: build Debian packages in clean chroots of Debian 13 and testing, into build/deb
	debian/in-chroot trixie
	debian/in-chroot testing

.PHONY: man
man: ## build: render the manual pages into build/man; `make install` takes them along
	tests/need pandoc
	docs/man/render build/man

.PHONY: dist
dist:
	$(MAKE) install DESTDIR=$(DIST)

# Nobody but this checkout trusts it.
$(KEYRING): | dist
	tests/need gnupg openssl
	cd demo && ../$(PATTERN) gen-keyring demo

# A checkout may have a keyring that an older version made.
$(DEBUGKEY): | dist $(KEYRING)
	tests/need openssl
	cd demo && ../$(PATTERN) gen-keyring demo --add-missing

.PHONY: image
image: dist $(DEBUGKEY) ## build: build the demo's base image
	$(BUILD) demo

build/releases/0.0.2:   FOLDER = demo-update
build/releases/third:   FOLDER = vm-tests/images/third
build/releases/broken:  FOLDER = vm-tests/images/broken
build/releases/testing: FOLDER = vm-tests/images/testing
build/releases/options: FOLDER = vm-tests/images/options
.PHONY: $(RELEASES)
.NOTPARALLEL:
$(RELEASES): image
	tests/need gnupg
	$(BUILD) $(FOLDER)
	rm -rf $@
	$(PATTERN) sign-release build/images/demo_$$(sed -n 's/^version = "\(.*\)"/\1/p' $(FOLDER)/pattern.toml) \
	  demo/demo-gpg --output $@ --compress gz

# Two versions, so that the second one has a patch from the first.
.PHONY: build/releases/delta
build/releases/delta: build/releases/0.0.2
	rm -rf $@
	$(PATTERN) sign-release build/images/demo_0.0.1 demo/demo-gpg --output $@ --compress none --deltas 0
	$(PATTERN) sign-release build/images/demo_0.0.2 demo/demo-gpg --output $@ --compress none

# Three versions, so that the newest has a patch from each of the others.
.PHONY: build/releases/back
build/releases/back: build/releases/delta
	$(BUILD) vm-tests/images/third
	rm -rf $@
	cp -r --reflink=auto build/releases/delta $@
	$(PATTERN) sign-release build/images/demo_0.0.3 demo/demo-gpg --output $@ --compress none --deltas 2

# The next version of the image for use.
.PHONY: build/releases/for-use
build/releases/for-use: image
	tests/need gnupg
	$(BUILD) vm-tests/images/production-update
	rm -rf $@
	$(PATTERN) sign-release build/images/production_0.0.2 demo/demo-gpg --output $@ --compress gz

.PHONY: release
release: build/releases/0.0.2 build/releases/delta ## build: build the demo's next version, and sign it

.PHONY: demo
demo: image ## try: build the demo and boot it on a new machine, its console in this terminal
	$(PATTERN) run $(DEMO) --fresh --disk +6G --persist build/demo --tools build/tools

.PHONY: demo-again
demo-again: ## try: boot the machine of the last `make demo` again, without building
	$(PATTERN) run --persist build/demo --tools build/tools

.PHONY: demo-check
demo-check: image ## try: boot the demo twice, nobody at the keyboard, and show its kept files; one to two minutes a boot
	rm -rf build/vm/installed
	$(SCENARIOS) second_boot

.PHONY: demo-update
demo-update: release ## try: install the next version from a server on the loopback, and restart into it
	$(SCENARIOS) update::

.PHONY: production
production: image ## long tests: build the demo with debug = false, and try what outsiders can add to it
	$(BUILD) vm-tests/images/production
	$(SCENARIOS) --include-ignored production::

.PHONY: check
check: lint test test-static release vm ## test: everything that a change must pass

# Two versions, of which the second one ends what the first may do.
$(EPOCHKEY): | dist $(KEYRING)
	cd demo && ../$(PATTERN) gen-keyring demo --epoch 1

.PHONY: build/releases/epoch
build/releases/epoch: image $(EPOCHKEY)
	tests/need gnupg
	$(BUILD) vm-tests/images/epoch --sign-debug-as-production
	$(BUILD) vm-tests/images/epoch-update --sign-debug-as-production
	rm -rf $@
	$(PATTERN) sign-release build/images/epoch_0.0.2 demo/demo-gpg --output $@ --compress gz

# The image, its next version, and a box for distrobox.
.PHONY: build/releases/userspace
build/releases/userspace: image
	tests/need gnupg
	$(BUILD) $(USERSPACE)
	$(BUILD) $(USERSPACE)-update
	rm -rf $@
	$(PATTERN) sign-release build/images/userspace_0.0.2 demo/demo-gpg --output $@ --compress gz
	vm-tests/scripts/build-box

.PHONY: userspace
userspace: build/releases/userspace ## long tests: build an image with [userspace], and try what it offers; T=NAME for one part
	$(SCENARIOS) --include-ignored userspace::$(T) --skip userspace::desktop

.PHONY: check-desktop
check-desktop: image ## long tests: build an image with a desktop, log in there, and take the pictures of docs/userspace.md
	$(BUILD) vm-tests/images/desktop
	$(SCENARIOS) --include-ignored userspace::desktop
	cp build/vm/desktop/greeter.png build/vm/desktop/session.png docs/

.PHONY: check-init
check-init: image ## long tests: make an image of each kind by `pattern init`, log in there, and update it; T=NAME for one
	tests/need gnupg openssl openssh-client
	vm-tests/scripts/build-init $(or $(T),server desktop appliance)
	$(SCENARIOS) --include-ignored init::$(T)

.PHONY: pictures
pictures: image ## measure: boot the demo for the first time, and draw docs/first-boot.svg and docs/disk.svg of it
	tests/need fdisk
	rm -rf build/vm/installed
	$(SCENARIOS) second_boot
	vm-tests/scripts/pictures

.PHONY: reproducible
reproducible: image ## long tests: build the demo and an image with all options again, elsewhere and from nothing, and compare the bytes
	tests/need fdisk
	tests/reproducible demo build/images/demo_0.0.1
	$(BUILD) vm-tests/images/everything
	tests/reproducible vm-tests/images/everything build/images/everything_0.0.1

.PHONY: sizes
sizes: image ## measure: build an image with and without each option of [userspace], and write the table of docs/userspace.md
	vm-tests/scripts/table-sizes

.PHONY: attacks
attacks: image ## long tests: run each attack on this and on stock systems, and write the table of docs/security.md
	vm-tests/scripts/build-stock
	vm-tests/scripts/build-stock testing
	$(BUILD) vm-tests/images/production
	rm -rf build/attacks
	$(ATTACKS) --include-ignored
	vm-tests/scripts/table-attacks

.PHONY: attacks-testing
attacks-testing: image ## long tests: run each attack on an image of Debian testing with debug = false; T=NAME for one
	$(BUILD) vm-tests/images/production-testing
	PATTERN_RELEASE=testing $(ATTACKS) --include-ignored $(T) --skip _stock

.PHONY: machines
machines: image ## long tests: try each machine of the table: disks, screens, keyboards, TPMs; write docs/machines.md; T=NAME for one
	tests/need console-setup-linux gdisk
	for each in production pc screen; do $(BUILD) vm-tests/images/$$each || exit; done
	vm-tests/scripts/build-init server
	$(MACHINES) --include-ignored $(T)
	vm-tests/scripts/table-machines

.PHONY: check-all
check-all: check $(RELEASES) build/releases/back build/releases/userspace build/releases/for-use build/releases/epoch ## long tests: the long suites too: more updates and attacks, volumes with the other file systems
	vm-tests/scripts/build-stock
	$(BUILD) vm-tests/images/production
	$(BUILD) vm-tests/images/own-ways
	vm-tests/scripts/build-dracut
	tests/need openssh-client
	vm-tests/scripts/build-init server appliance
	$(BUILD) vm-tests/images/pc
	$(SCENARIOS) --ignored --skip userspace::desktop --skip init::desktop --skip recorded_logs --skip nixos_shaped
	vm-tests/scripts/try-testing
	vm-tests/scripts/try-filesystem ext4
	vm-tests/scripts/try-filesystem btrfs
	@$(if $(PATTERN_NIXPKGS),$(MAKE) nix-machine,echo "skipped: make nix-machine, because PATTERN_NIXPKGS names no checkout of nixpkgs (docs/nix.md)")

.PHONY: lint
lint: ## test: formatting, lints, licences and sources of dependencies
	tests/lint

.PHONY: test
test: ## test: what needs neither C libraries, nor root, nor a VM
	tests/need acl age cpio dosfstools libcap2-bin mtools strace nix-bin systemd gdisk fdisk gnupg groff-base openssl pandoc xz-utils zstd
	cargo test -- --include-ignored --skip what_is_taken_compiles --skip own_cargo_command
	cargo test --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --no-default-features

.PHONY: nix
nix: ## long tests: evaluate the NixOS module with a checkout of nixpkgs, PATTERN_NIXPKGS=DIR; compile what the flake builds from
	tests/need nix-bin jq gnupg openssl xz-utils
	cargo test -p pattern-image --test nix -- --include-ignored --nocapture

.PHONY: nix-machine
nix-machine: image ## long tests: PATTERN_NIXPKGS=DIR: Nix makes an image of Debian's programs; boot and update it
	tests/need gnupg jq
	vm-tests/scripts/build-nixos "$(PATTERN_NIXPKGS)"
	mkdir -p build/vm
	$(SCENARIOS) --include-ignored nixos_shaped

.PHONY: test-static
test-static: ## test: LUKS headers on plain files, a software TPM for each test
	tests/need swtpm tpm2-tools cryptsetup-bin systemd openssl
	static/cargo test -p pattern-initrd

.PHONY: vm
vm: image release ## test: scenarios in virtual machines; T=NAME for one, of the long ones too
	tests/need age console-setup-linux gnupg
	$(BUILD) vm-tests/images/production
	$(BUILD) vm-tests/images/screen
	$(if $(T),,PATTERN_TOOLS=build/tools cargo test -p pattern-image --test addon --test sign_image -- --include-ignored)
	$(SCENARIOS) $(if $(T),--include-ignored) $(T)

.PHONY: promises
promises: ## test: list what each scenario and each attack shows
	@vm-tests/scripts/promises

.PHONY: recorded-logs
recorded-logs: image ## long tests: boot with other firmware and boot loaders, and record tests/fixtures/logs; T=NAME for one
	vm-tests/scripts/fetch-boot-loaders
	PATTERN_RECORD=$(T) $(SCENARIOS) --include-ignored recorded_logs

.PHONY: fuzz
fuzz: ## long tests: hostile input, an hour for each kind; T=NAME for one, SECONDS_EACH=
	fuzz/run $(T)

.PHONY: bench
bench: image ## measure: our boots beside those of the same system by stock means; writes docs/performance.md; and the generator
	vm-tests/scripts/build-stock
	$(BUILD) vm-tests/images/production
	PATTERN_PROGRAM=$(CURDIR)/$(PROGRAM) cargo bench -p pattern-generator
	PATTERN_IMAGE=$(CURDIR)/$(DEMO) cargo bench -p pattern-vm-tests --bench boot

DELTA := $(CURDIR)/build/delta
.PHONY: bench-delta
bench-delta: image ## measure: build four successive versions, and write what their updates fetch into docs/delta.md
	tests/need casync gnupg
	vm-tests/scripts/build-delta
	cargo bench -q -p pattern-vm-tests --bench delta -- $(DELTA)/release $(DELTA)/images-old/delta_1 $(DELTA)/images-old/delta_2 \
	  $(DELTA)/images-kernel/delta_3 $(DELTA)/images-new/delta_4 | vm-tests/scripts/put-table docs/delta.md delta

.PHONY: clean
clean: ## build: remove what was built
	rm -rf build target
