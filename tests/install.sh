#!/bin/sh
# What is installed can be used: the example is built against a fresh prefix through pkg-config and
# through find_package, and runs; the command, its manual page and completions are there.
#
#     tests/install.sh CMAKE BUILD SOURCE CC
#
# SPDX-License-Identifier: MIT
set -eu
cmake=$1 build=$2 source=$3 cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

"$cmake" --install "$build" --prefix "$prefix" > "$work/log" || { cat "$work/log"; exit 1; }
pc=$(find "$prefix" -name idim.pc)
library=$(dirname "$(dirname "$pc")")
"$prefix/bin/idim" --version
for file in include/idim.h share/man/man1/idim.1 share/bash-completion/completions/idim \
    share/zsh/site-functions/_idim share/fish/vendor_completions.d/idim.fish; do
    [ -s "$prefix/$file" ] || { echo "$file is not installed"; exit 1; }
done

flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs idim)
"$cc" "$source/examples/own_loop.c" $flags -o "$work/by_pkg_config"
LD_LIBRARY_PATH=$library "$work/by_pkg_config" "$source/tests/fixtures/tiny" | tail -n 1

mkdir "$work/project"
cat > "$work/project/CMakeLists.txt" << 'END'
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(idim 0.2 REQUIRED)
add_executable(own_loop ${SOURCE}/examples/own_loop.c)
target_link_libraries(own_loop PRIVATE idim::idim)
END
"$cmake" -S "$work/project" -B "$work/project/build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DSOURCE="$source" -DCMAKE_C_COMPILER="$cc" > "$work/log" || { cat "$work/log"; exit 1; }
"$cmake" --build "$work/project/build" > "$work/log" || { cat "$work/log"; exit 1; }
"$work/project/build/own_loop" "$source/tests/fixtures/tiny" | tail -n 1
