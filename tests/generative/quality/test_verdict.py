import pandas as pd
import pytest

from vaega.generative.quality import _measurement as verdict
from vaega.generative.quality._classifiers import CopyCheck


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0.89, "vary less"), (0.9, "as real ones do"), (0.984, "(ratio 0.98)"),
        (1.1, "as real ones do"), (1.11, "vary more"),
    ],
)  # fmt: skip
def test_variance(ratio, words):
    assert words in verdict.say_variance(pd.DataFrame({"ratio": [ratio]}))


@pytest.mark.parametrize(
    ("synthetic", "words"),
    [(0.90, "as good as"), (0.875, "as good as"), (0.85, "loses 0.050"), (0.95, "gains 0.050")],
)
def test_transfer(synthetic, words):
    scores = pd.DataFrame(
        {
            "trained_on": ["real", "real", "synthetic", "synthetic"],
            "tested_on": ["real", "synthetic"] * 2,
            "balanced_accuracy": [0.9, 0.1, synthetic, 1.0],
            "n_test": [40, 60, 40, 60],
        }
    )
    assert words in verdict.say_transfer(scores)
    assert "on 40 held-out rows" in verdict.say_transfer(scores)


def two_sample(p_synthetic, p_fit):
    return pd.DataFrame(
        {
            "others": ["synthetic", "synthetic", "fit", "fit"],
            "classifier": ["linear", "spread"] * 2,
            "accuracy": [0.5, 0.8, 0.5, 0.7],
            "p_value": [0.5, p_synthetic, 0.5, p_fit],
        }
    )


@pytest.mark.parametrize(
    ("p_values", "words"),
    [
        ((0.006, 0.5), "No classifier tells them from held-out rows (80 % right, p = 0.01)"),
        ((0.004, 0.5), "A classifier of spread tells them from held-out rows"),
        ((0.004, 0.5), "but not the fit rows"),
        ((1e-20, 0.5), "p < 1e-12"),
        ((0.004, 0.001), "and the fit rows as well (70 %)"),
    ],
)
def test_two_sample(p_values, words):
    assert words in verdict.say_two_sample(two_sample(*p_values))


@pytest.mark.parametrize(
    ("duplicates", "near", "closer", "words"),
    [
        (0.1, 0.9, 0.9, "10 % of the rows are copies"),
        (0.0, 0.07, 0.9, "7 % of the rows lie within half the distance"),
        (0.0, 0.05, 0.31, "(0.95 against 1.10 of the distance between fit rows)"),
        (0.0, 0.0, 0.29, "they lie no nearer"),
    ],
)
def test_copies(duplicates, near, closer, words):
    found = CopyCheck(
        duplicates=duplicates,
        repeated=0.0,
        near=near,
        near_heldout=0.01,
        closer=closer,
        closer_heldout=0.2,
        ratio=0.95,
        ratio_heldout=1.1,
        to_fit=0.5,
    )
    assert words in verdict.say_copies(found)
    assert "priva" not in verdict.say_copies(found)


def densities(heldout, auc, reference_auc=0.6):
    return pd.DataFrame(
        {
            "model": ["VAE", "ProbabilisticPCA", "ClassGaussian"],
            "heldout": [heldout, -1.5, -1.4],
            "gap": 0.1,
            "auc": [auc, 0.5, reference_auc],
        }
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            densities(-1.45, 0.5),
            "ClassGaussian explains held-out rows better (-1.400 against -1.450",
        ),
        (densities(-1.403, 0.5), "VAE explains held-out rows as well as ClassGaussian"),
        (densities(-1.2, 0.5), "VAE explains held-out rows better than ClassGaussian (-1.200"),
        (densities(-1.2, 0.75), "The likelihood of VAE knows the fit rows"),
        (densities(-1.2, 0.75, 0.7), "no better than the references do"),
        (densities(-1.2, 0.55), "does not tell fit rows from held-out ones"),
    ],
)
def test_densities(table, words):
    assert words in verdict.say_densities(table, "VAE")


def test_losing_is_said_of_the_better_reference():
    assert "ProbabilisticPCA" not in verdict.say_densities(densities(-1.6, 0.5), "VAE")


def test_nothing_is_said_without_a_likelihood():
    assert verdict.say_densities(densities(-1.2, 0.5), "SMOTE") == ""
