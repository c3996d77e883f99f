# JSON to lines "path.to.value VALUE", for shell scripts: awk -f flatten.awk < record.json
# Items of lists are counted from 0. Strings lose their quotes, and keep their escapes.
#
# SPDX-License-Identifier: MIT
{ s = s $0 " " }

function path(   i, text) {
    for (i = 1; i <= depth; i++)
        text = text (i > 1 ? "." : "") (list[i] ? count[i] : key[i])
    return text
}

END {
    while (s != "") {
        c = substr(s, 1, 1)
        used = 1
        if (c == "{" || c == "[") {
            list[++depth] = c == "["
            count[depth] = 0
        } else if (c == "}" || c == "]") {
            depth--
        } else if (c == ",") {
            count[depth]++
        } else if (match(s, /^"([^"\\]|\\.)*"[ \t]*:/)) {
            used = RLENGTH
            key[depth] = substr(s, 2, RLENGTH)
            sub(/"[ \t]*:.*$/, "", key[depth])
        } else if (match(s, /^"([^"\\]|\\.)*"/)) {
            used = RLENGTH
            print path(), substr(s, 2, RLENGTH - 2)
        } else if (match(s, /^[-+.0-9a-zA-Z]+/)) {
            used = RLENGTH
            print path(), substr(s, 1, RLENGTH)
        }
        s = substr(s, used + 1)
    }
}
