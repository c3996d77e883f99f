#!/bin/sh
# Every source is as .clang-format lays it out, and every file says its licence.
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

git ls-files '*.c' '*.h' > /dev/null || { echo "check-format: needs a git checkout" >&2; exit 1; }
git ls-files '*.c' '*.h' | grep -v -e '_tables\.c$' -e '^tests/fixtures' | xargs clang-format --dry-run -Werror
unsaid=$(git ls-files '*.c' '*.h' '*.sh' '*.py' | xargs grep -L 'SPDX-License-Identifier: MIT' || true)
[ -z "$unsaid" ] || { echo "no SPDX line: $unsaid"; exit 1; }
echo "format: $(git ls-files '*.c' '*.h' | wc -l) sources"
