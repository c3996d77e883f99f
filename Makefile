# A thin front for CMake. `make demo` and `make test` need nothing but a shell, make and root rights
# (or sudo) for the packages.
BUILD := build
JOBS  := $(shell nproc 2>/dev/null || echo 2)

.PHONY: all packages build demo test test-long fuzz bench install check-all format layers clean

all: build

packages:
	@tools/install-packages.sh build

build: packages
	@cmake --preset release -B $(BUILD) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS) > $(BUILD)/build.log 2>&1 || { tail -n 60 $(BUILD)/build.log; exit 1; }
	@echo "built $(BUILD)/idim"

demo: build
	@tools/install-packages.sh demo
	@tools/demo.sh $(BUILD)

# threads that wait sleep soon: much faster where the cores are shared with other work
test: export GOMP_SPINCOUNT ?= 1000
test: build
	@ctest --test-dir $(BUILD) --output-on-failure -LE long > $(BUILD)/suite.log; status=$$?; \
	    grep -v '^ *Start ' $(BUILD)/suite.log; exit $$status

test-long: build
	@tools/install-packages.sh long
	@ctest --test-dir $(BUILD) --output-on-failure

# a minute of every parser's fuzzer; FUZZ="json table" and IDIM_FUZZ_SECONDS choose otherwise
FUZZ := $(patsubst fuzz/fuzz_%.c,%,$(wildcard fuzz/fuzz_*.c))
fuzz: export IDIM_FUZZ_SECONDS ?= 60
fuzz: build
	@tools/install-packages.sh check
	@for name in $(FUZZ); do echo "== $$name"; \
	    fuzz/long.sh . $(BUILD)-fuzz $$name $(BUILD)/fuzz/replay_$$name > $(BUILD)/fuzz.log 2>&1 || \
	    { tail -n 60 $(BUILD)/fuzz.log; exit 1; }; grep -e cov: -e stat:: -e random $(BUILD)/fuzz.log | tail -n 7; done

# our step against PyTorch's, in turns; BENCH=--quick takes a minute. IDIM_PEERS names a python that
# has PyTorch and the rest of bench/peers.txt already
bench: build
	@tools/install-packages.sh demo bench
	@tools/fetch-demo.sh demo
	@cmake --build $(BUILD) -j $(JOBS) --target bench_race bench_pieces bench_projection > /dev/null
	@python=$$(tools/make-peers.sh demo/peers) && \
	    $$python bench/race.py --build $(BUILD) --folder $(BUILD)/race $(BENCH)

# make install PREFIX=/usr/local
install: build
	@cmake --install $(BUILD) $(if $(PREFIX),--prefix "$(PREFIX)")

check-all: packages
	@tools/install-packages.sh check
	@JOBS=$(JOBS) tools/check-all.sh

format:
	@git ls-files '*.c' '*.h' | grep -v -e '_tables\.c$$' -e '^tests/fixtures' | xargs clang-format -i

layers:
	@tools/check-layers.sh

clean:
	@rm -rf $(BUILD) build-*
