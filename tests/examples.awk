# Labelled sentences of the tiny model's syllables; one word decides the label.
#
#     awk -v seed=7 -v rows=600 -f tests/examples.awk > all.csv
#
# SPDX-License-Identifier: MIT
BEGIN {
    srand(seed); split("ba de ki lo mu na", s, " ")
    print "sentence,label"
    for (i = 0; i < rows; i++) {
        good = rand() < 0.5; place = int(rand() * 8); line = ""
        for (w = 0; w < 8; w++)
            line = line (w ? " " : "") (w == place ? (good ? "good" : "bad") \
                : s[1 + int(rand() * 6)] s[1 + int(rand() * 6)])
        print line "," (good ? "yes" : "no")
    }
}
