# A thin front for CMake. `make demo` and `make test` need nothing but a shell, make and root rights
# (or sudo) for the packages.
BUILD := build
JOBS  := $(shell nproc 2>/dev/null || echo 2)

.PHONY: all packages build demo test test-long bench install check-all format layers clean

all: build

packages:
	@tools/install-packages.sh

build: packages
	@cmake --preset release -B $(BUILD) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

demo: build
	@tools/demo.sh $(BUILD)

test: build
	@ctest --test-dir $(BUILD) --output-on-failure -LE long

test-long: build
	@ctest --test-dir $(BUILD) --output-on-failure

bench: build
	@bench/run.sh $(BUILD)

install: build
	@cmake --install $(BUILD)

check-all: packages
	@tools/check-all.sh

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

layers:
	@tools/check-layers.sh

clean:
	@rm -rf $(BUILD) build-*
