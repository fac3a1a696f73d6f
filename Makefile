# Two commands do everything on a fresh machine: `make demo` and `make test`. CONTRIBUTING.md explains the others.
SHELL := /bin/bash
BUN := .tools/bun
CC ?= cc
PREFIX ?= /usr/local
NATIVE := $(patsubst native/%.c,native/out/%.elf,$(filter-out native/sys.c,$(wildcard native/*.c))) native/out/sys.so
SOURCES = $(shell find src -name '*.ts' -not -name '*.test.ts')

.PHONY: all build demo test check bench native install clean bootstrap fmt
all: build

bootstrap:
	@scripts/bootstrap.sh

native: $(NATIVE)
NATIVE_FLAGS := -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
native/out/%.elf: native/%.c $(wildcard native/*.h)
	@mkdir -p native/out
	$(CC) $(NATIVE_FLAGS) -static -nostdlib -nostartfiles -fno-pie -no-pie -Wl,--build-id=none,-z,noexecstack,-z,norelro -o $@ $<
	@strip -s -R .comment $@ 2>/dev/null || true
native/out/sys.so: native/sys.c
	@mkdir -p native/out
	$(CC) $(NATIVE_FLAGS) -fPIC -shared -nostdlib -nostartfiles -Wl,--build-id=none,-z,noexecstack -o $@ $<

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

fmt: bootstrap
	$(BUN) x biome check --write .

bench: build
	@$(BUN) bench/all.ts

install: build
	install -D -m 755 dist/teu $(DESTDIR)$(PREFIX)/bin/teu
	ln -sf teu $(DESTDIR)$(PREFIX)/bin/teu-runtime

clean:
	rm -rf dist native/out coverage
