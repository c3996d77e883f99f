"""Scores of scikit-learn and scipy on small random predictions, as a C header for test_metrics.c.

    python tools/make_metric_fixtures.py > tests/fixtures/metrics.h

SPDX-License-Identifier: MIT
"""
import warnings

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, mean_squared_error

NAMES = ["accuracy", "f1", "matthews_correlation", "pearson", "spearmanr", "mse", "f1_micro"]


def number(value):
    return "NAN" if np.isnan(value) else repr(float(value))


def case(name, n_labels, logits, label):
    scores = dict.fromkeys(NAMES, float("nan"))
    if n_labels == 1:
        x, y = logits[:, 0].astype(np.float64), label.astype(np.float64)
        scores["pearson"] = pearsonr(x, y)[0]
        scores["spearmanr"] = spearmanr(x, y)[0]
        scores["mse"] = mean_squared_error(y, x)
    elif label.ndim == 2:
        said = (logits > 0).astype(int)
        scores["accuracy"] = accuracy_score(label, said)
        scores["f1_micro"] = f1_score(label, said, average="micro", zero_division=0)
    else:
        said = logits.argmax(1)
        scores["accuracy"] = accuracy_score(label, said)
        if n_labels == 2:
            scores["f1"] = f1_score(label, said, zero_division=0)
        scores["matthews_correlation"] = matthews_corrcoef(label, said)
    values = ", ".join(f"{v:.9g}f" if "." in f"{v:.9g}" or "e" in f"{v:.9g}" else f"{v:.9g}"
                       for v in logits.astype(np.float32).ravel())
    labels = ", ".join(f"{v:.9g}f" if "." in f"{v:.9g}" or "e" in f"{v:.9g}" else f"{v:.9g}"
                       for v in label.astype(np.float32).ravel())
    print(f'    {{"{name}", {n_labels}, {len(label)}, {"true" if label.ndim == 2 else "false"},\n     {{{values}}},\n     {{{labels}}},')
    print(f'     {{{", ".join(number(scores[k]) for k in NAMES)}}}}},')


def main():
    warnings.simplefilter("ignore")
    r = np.random.default_rng(1)
    print("/* Made by tools/make_metric_fixtures.py; do not edit.\n *\n"
          " * SPDX-License-Identifier: MIT */\n/* clang-format off */")
    print('static const struct {\n    const char *name;\n    int64_t n_labels, n;\n    bool multi_label;\n'
          '    float logits[200], label[200];\n    double expected[7]; /* '
          + ", ".join(NAMES) + " */\n} metric_cases[] = {")
    f = np.float32
    case("two classes", 2, r.normal(size=(60, 2)).astype(f), r.integers(0, 2, 60))
    case("two classes, ties", 2, r.integers(0, 2, (40, 2)).astype(f), r.integers(0, 2, 40))
    case("two classes, mostly right", 2,
         np.eye(2)[r.integers(0, 2, 50)].astype(f), np.r_[np.ones(40), np.zeros(10)].astype(int))
    case("all said 1", 2, np.tile([0.0, 1.0], (20, 1)).astype(f), r.integers(0, 2, 20))
    case("all said 0", 2, np.tile([1.0, 0.0], (20, 1)).astype(f), r.integers(0, 2, 20))
    case("all are 1 and said so", 2, np.tile([0.0, 1.0], (5, 1)).astype(f), np.ones(5, int))
    case("none is 1", 2, np.tile([1.0, 0.0], (5, 1)).astype(f), np.zeros(5, int))
    case("all wrong", 2, np.eye(2)[[0, 1, 0, 1]].astype(f), np.array([1, 0, 1, 0]))
    case("three classes", 3, r.normal(size=(60, 3)).astype(f), r.integers(0, 3, 60))
    case("three classes, one never said", 3,
         np.eye(3)[r.integers(0, 2, 30)].astype(f), r.integers(0, 3, 30))
    case("five classes", 5, r.normal(size=(40, 5)).astype(f), r.integers(0, 5, 40))
    y = r.uniform(0, 5, 50).astype(f)
    case("values", 1, (y + r.normal(size=50)).astype(f)[:, None], y)
    case("values with ties", 1, r.integers(0, 4, (50, 1)).astype(f), r.integers(0, 6, 50).astype(f))
    case("opposite", 1, (-y).astype(f)[:, None], y)
    case("the same", 1, y[:, None], y)
    case("far from zero", 1, (1000 + y + r.normal(size=50)).astype(f)[:, None], y)
    case("two points", 1, np.array([[1.5], [2.0]], f), np.array([3.0, 7.25], f))
    case("constant prediction", 1, np.ones((20, 1), f), r.uniform(0, 5, 20).astype(f))
    case("constant label", 1, r.normal(size=(20, 1)).astype(f), np.ones(20, f))
    case("label sets", 4, r.normal(size=(50, 4)).astype(f), r.integers(0, 2, (50, 4)))
    sets = r.integers(0, 2, (40, 3))
    case("label sets, mostly right", 3, (2 * sets - 1 + 0.8 * r.normal(size=(40, 3))).astype(f), sets)
    case("one label", 2, r.normal(size=(30, 2)).astype(f), r.integers(0, 2, (30, 2)))
    case("label sets, none said", 3, -np.ones((10, 3), f), r.integers(0, 2, (10, 3)))
    case("label sets, none there", 3, np.ones((10, 3), f), np.zeros((10, 3), int))
    case("label sets, all empty", 3, np.zeros((10, 3), f), np.zeros((10, 3), int))
    print("};\n/* clang-format on */")


main()
