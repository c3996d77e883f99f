#!/bin/sh
# Installs the system's packages that idim needs, those that are missing. Where nothing is missing
# it needs neither network nor root.
#
#     tools/install-packages.sh [build] [demo] [check] [bench] [long]    without arguments: build
#
# build: to build and to test. demo: to download the demo's model and reviews. check: for make
# check-all (clang, sanitizers, fuzzers, clang-format). bench: what make bench's peers run on. long:
# for the tests labelled long.
#
# SPDX-License-Identifier: MIT
set -eu

debian_build="gcc libc6-dev make cmake pkg-config libdnnl-dev libjansson-dev libutf8proc-dev
    librandom123-dev libssl-dev libcmocka-dev gnuplot-nox"
debian_demo="python3 python3-pip ca-certificates tar"
debian_check="clang clang-format libomp-dev libclang-rt-dev libopenblas-dev git"
debian_bench="python3 python3-venv ca-certificates libtcmalloc-minimal4 libjemalloc2 libomp-dev"
debian_long="valgrind"

fedora_build="gcc make cmake pkgconf-pkg-config onednn-devel jansson-devel utf8proc-devel
    Random123-devel openssl-devel libcmocka-devel gnuplot"
fedora_demo="python3 python3-pip tar"
fedora_check="clang clang-tools-extra libomp-devel compiler-rt git libasan libubsan
    openblas-devel"
fedora_bench="python3 python3-pip gperftools-libs jemalloc libomp"
fedora_long="valgrind"

# Random123 is headers alone: where the system has no package of it, unpack its release and set
# CMAKE_PREFIX_PATH
brew_build="gcc make cmake pkgconf onednn jansson utf8proc random123 openssl@3 cmocka libomp gnuplot"
brew_demo="python3"
brew_check="llvm clang-format openblas git"
brew_bench="python3 gperftools jemalloc"
brew_long=""

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "install-packages: not root and there is no sudo; run as root: $*" >&2
        exit 1
    fi
}

chosen() { # the lists of system $1 for the parts asked for
    for part in $parts; do
        eval "echo \$${1}_$part"
    done
}

debian() {
    missing=""
    for package in $(chosen debian); do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    echo "installing:$missing"
    as_root apt-get update -qq
    # a name that this release does not have is part of another package there
    known=""
    for package in $missing; do
        if apt-cache show "$package" > /dev/null 2>&1; then
            known="$known $package"
        else
            echo "install-packages: $package: this release has no such package; going on without"
        fi
    done
    # shellcheck disable=SC2086
    [ -z "$known" ] || as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $known > /dev/null
}

parts=${*:-build}
for part in $parts; do
    case $part in
    build | demo | check | bench | long) ;;
    *) echo "install-packages: expected build, demo, check, bench or long, found $part" >&2; exit 2 ;;
    esac
done

if command -v dpkg-query > /dev/null && command -v apt-get > /dev/null; then
    debian
elif command -v dnf > /dev/null; then
    # shellcheck disable=SC2046
    rpm -q --whatprovides $(chosen fedora) > /dev/null 2>&1 || as_root dnf install -y -q $(chosen fedora)
elif command -v brew > /dev/null; then
    for package in $(chosen brew); do
        brew list "$package" > /dev/null 2>&1 || brew install "$package"
    done
else
    echo "install-packages: expected apt-get, dnf or brew, found none; idim needs:" >&2
    chosen debian >&2
    exit 1
fi
