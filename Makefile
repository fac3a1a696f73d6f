# Two commands do everything on a fresh machine: `make demo` and `make test`. CONTRIBUTING.md explains the others.
SHELL := /bin/bash
BUN := .tools/bun
CC ?= cc
PREFIX ?= /usr/local
# Elsewhere for another compiler: make native CC=aarch64-linux-gnu-gcc NATIVE_OUT=/tmp/aarch64
NATIVE_OUT ?= native/out
NATIVE := $(patsubst native/%.c,$(NATIVE_OUT)/%.elf,$(filter-out native/sys.c,$(wildcard native/*.c))) $(addprefix $(NATIVE_OUT)/,sys.so sys.so.base64 init.elf.base64 monitor.elf.base64 reaper.elf.base64)
SOURCES = $(shell find src -name '*.ts' -not -name '*.test.ts')

.PHONY: all build demo test check conformance conformance-registry conformance-runtime bench native install clean bootstrap fmt
all: build

bootstrap:
	@scripts/bootstrap.sh

native: $(NATIVE)
NATIVE_FLAGS := -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
	$(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-fcf-protection=none)
# Code and constants in one piece: a page less in the file and in every container.
LINK_FLAGS := -Wl,--build-id=none,-z,noexecstack,-z,norelro,-z,noseparate-code
$(NATIVE_OUT)/%.elf: native/%.c $(wildcard native/*.h)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_FLAGS) -static -nostdlib -nostartfiles -fno-pie -s $(LINK_FLAGS) -o $@ $<
	@strip -s -R .comment $@ 2>/dev/null || true
$(NATIVE_OUT)/sys.so: native/sys.c $(wildcard native/*.h)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_FLAGS) -fPIC -shared -nostdlib -nostartfiles -s $(LINK_FLAGS) -o $@ $<
# As text, they are in the program's own code: an embedded file is read by node:fs, which takes a millisecond to load.
%.base64: %
	base64 -w 0 $< > $@

build: dist/teu
dist/teu: bootstrap $(NATIVE) $(SOURCES) scripts/build.ts
	$(BUN) scripts/build.ts

demo: build
	@scripts/demo.sh

test: build
	@$(BUN) scripts/test.ts

check: bootstrap $(NATIVE)
	$(BUN) check
	$(BUN) x biome ci .
	$(BUN) x knip
	$(BUN) test test/architecture

# The suites that the specifications come with, each ending with `N passed, N failed`.
conformance: conformance-registry conformance-runtime

conformance-registry: build
	@$(BUN) scripts/conformance-registry.ts

conformance-runtime: build
	@$(BUN) scripts/conformance-runtime.ts

fmt: bootstrap
	$(BUN) x biome check --write .

bench: build
	@$(BUN) bench/all.ts

install: build
	install -D -m 755 dist/teu $(DESTDIR)$(PREFIX)/bin/teu
	ln -sf teu $(DESTDIR)$(PREFIX)/bin/teu-runtime

clean:
	rm -rf dist native/out coverage
