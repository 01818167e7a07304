"""What the figures of a report come to, in words."""

import numpy as np
import pandas as pd

from vaega.generative.quality.copies import CopyCheck

# Within-class variance of synthetic rows over that of real ones: from where to where it is right.
VARIANCE_RANGE = (0.9, 1.1)
# Balanced accuracy, mean over classifiers, that training on synthetic rows may cost or bring.
TRANSFER_TOLERANCE = 0.03
# Chance of so good a two-sample classifier if rows were alike, of the better of two, doubled.
TWO_SAMPLE_LEVEL = 0.01
# Share of rows that are near copies, and that are nearer to a fit row than real ones are, above the
# share of held-out rows.
NEAR_TOLERANCE = 0.05
CLOSER_TOLERANCE = 0.1
# Nats per column by which one model explains held-out rows better than another.
DENSITY_TOLERANCE = 0.005
# Area under the curve of the membership test from which a model is said to know its fit rows,
# above what the references have.
MEMBERSHIP_TOLERANCE = 0.1


def say_verdict(
    *,
    scores: pd.DataFrame,
    variances: pd.DataFrame,
    two_sample: pd.DataFrame,
    copies: CopyCheck,
    densities: pd.DataFrame,
    generator: str,
) -> str:
    """Say what the parts of a report mean, one plain sentence for each."""
    sentences = [
        say_variance(variances),
        say_transfer(scores),
        say_two_sample(two_sample),
        say_copies(copies),
        say_densities(densities, generator),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def say_variance(variances: pd.DataFrame) -> str:
    """Say whether rows vary within classes as real ones do."""
    ratio = float(variances["ratio"].iloc[0])
    low, high = VARIANCE_RANGE
    if low <= ratio <= high:
        return f"Rows vary within classes as real ones do (ratio {ratio:.2f})."
    how = "less" if ratio < low else "more"
    return f"Rows vary {how} within classes than real ones (ratio {ratio:.2f})."


def say_transfer(scores: pd.DataFrame) -> str:
    """Say what training on synthetic instead of real rows does to balanced accuracy."""
    real, synthetic = transfer_means(scores)
    change = synthetic - real
    n_test = int(scores.loc[scores["tested_on"] == "real", "n_test"].iloc[0])
    where = f"on {n_test} held-out rows ({synthetic:.3f} against {real:.3f})"
    if abs(change) <= TRANSFER_TOLERANCE:
        return f"A classifier trained on them is as good as one trained on real rows {where}."
    verb = "loses" if change < 0 else "gains"
    error = ((real * (1 - real) + synthetic * (1 - synthetic)) / n_test) ** 0.5
    doubt = "" if abs(change) > 2 * error else ", which so few rows cannot tell from none"
    return (
        f"A classifier trained on them {verb} {abs(change):.3f} balanced accuracy {where}{doubt}."
    )


def transfer_means(scores: pd.DataFrame, figure: str = "balanced_accuracy") -> tuple[float, float]:
    """Return a metric's means over classifiers on held-out rows: trained on real, on synthetic."""
    tested = scores[scores["tested_on"] == "real"]
    means = tested.groupby("trained_on")[figure].mean()
    return float(means["real"]), float(means["synthetic"])


def say_two_sample(two_sample: pd.DataFrame) -> str:
    """Say whether a classifier tells synthetic from held-out rows, and fit rows too."""
    best, p_value = _best(two_sample, "synthetic")
    accuracy = f"{100 * best['accuracy']:.0f} % right"
    if p_value >= TWO_SAMPLE_LEVEL:
        return f"No classifier tells them from held-out rows ({accuracy}, p = {p_value:.2f})."
    shown = f"p = {p_value:.0e}" if p_value >= 1e-12 else "p < 1e-12"
    kind = {"linear": "A linear classifier", "spread": "A classifier of spread"}
    sentence = f"{kind[best['classifier']]} tells them from held-out rows"
    if not (two_sample["others"] == "fit").any():
        return f"{sentence} ({accuracy}, {shown})."
    control, p_control = _best(two_sample, "fit")
    if p_control >= TWO_SAMPLE_LEVEL:
        return f"{sentence} ({accuracy}, {shown}), but not the fit rows."
    control_accuracy = f"{100 * control['accuracy']:.0f} %"
    return f"{sentence} ({accuracy}, {shown}), and the fit rows as well ({control_accuracy})."


def _best(two_sample: pd.DataFrame, others: str) -> tuple[pd.Series, float]:
    """Return the row with the smallest p-value, and that one corrected for the two classifiers."""
    mine = two_sample[two_sample["others"] == others]
    best = mine.iloc[int(np.argmin(mine["p_value"]))]
    return best, min(1.0, 2.0 * float(best["p_value"]))


def say_copies(copies: CopyCheck) -> str:
    """Say whether rows are copies or near copies of fit rows."""
    if copies.duplicates > 0:
        return f"{100 * copies.duplicates:.0f} % of the rows are copies of fit rows."
    if copies.near > copies.near_heldout + NEAR_TOLERANCE:
        return (
            f"{100 * copies.near:.0f} % of the rows lie within half the distance between fit rows "
            f"(of held-out rows {100 * copies.near_heldout:.0f} %): near copies."
        )
    if copies.closer > copies.closer_heldout + CLOSER_TOLERANCE:
        return (
            "No row is a copy of a fit row, but they lie nearer to fit rows than held-out rows do "
            f"({copies.ratio:.2f} against {copies.ratio_heldout:.2f} of the distance between fit "
            "rows)."
        )
    return (
        "No row is a copy of a fit row, and they lie no nearer to fit rows than held-out rows do."
    )


def say_densities(densities: pd.DataFrame, generator: str) -> str:
    """Say how the model's likelihood compares with the references', and what it remembers."""
    mine = densities[densities["model"] == generator]
    others = densities[densities["model"] != generator]
    if mine.empty:
        return ""
    own = mine.iloc[0]
    return f"{_say_rank(own, others, generator)}{_say_membership(own, others, generator)}"


def _say_rank(own: pd.Series, others: pd.DataFrame, generator: str) -> str:
    if others.empty:
        return ""
    best = others.iloc[int(np.argmax(others["heldout"]))]
    difference = best["heldout"] - own["heldout"]
    against = f"({best['heldout']:.3f} against {own['heldout']:.3f} nats per column)"
    if difference > DENSITY_TOLERANCE:
        return f"{best['model']} explains held-out rows better {against}. "
    if difference < -DENSITY_TOLERANCE:
        against = f"({own['heldout']:.3f} against {best['heldout']:.3f} nats per column)"
        return f"{generator} explains held-out rows better than {best['model']} {against}. "
    return f"{generator} explains held-out rows as well as {best['model']} {against}. "


def _say_membership(own: pd.Series, others: pd.DataFrame, generator: str) -> str:
    usual = 0.5 if others.empty else float(others["auc"].max())
    figures = f"(membership AUC {own['auc']:.2f}, gap {own['gap']:.3f} nats per column)"
    if own["auc"] > usual + MEMBERSHIP_TOLERANCE:
        return f"The likelihood of {generator} knows the fit rows {figures}."
    if own["auc"] > 0.5 + MEMBERSHIP_TOLERANCE:
        return f"It tells fit rows from held-out ones, no better than the references do {figures}."
    return f"It does not tell fit rows from held-out ones {figures}."
