"""Tables and figure of benchmarks/augmentation.py, from the runs that are committed.

    python benchmarks/augmentation_report.py

Reads results/benchmarks/augmentation_{screen,confirm,votes,external}.csv.gz and the registered
contrasts; writes augmentation.md and its tables beside them, and docs/_static/augmentation.png. A
value is the mean over data sets of one replicate; replicates are independent draws, so that
Student's t holds over them. Splits of the external sets overlap: their variance is corrected
(Nadeau and Bengio 2003). Equivalent: the 90 % interval lies within ±0.01 (two one-sided tests).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from augmentation import RARE, RESULTS, TEST_SHARE, contrasts
from matplotlib.figure import Figure
from scipy import stats

from vaega.core.figures import COLOURS, GREY, clean
from vaega.report._statistics import holm
from vaega.selection._stability import nogueira

MARGIN = 0.01
FIVE_LESS_ONE = "five draws less one"
CONTROL = "control"  # in place of a contrast's number: run and shown, not tested
WHERE = ["data", "rows", "replicate", "classifier", "guide"]
CELL = ["classifier", "generator", "amount", "guide", "rows"]
EFFECTS = {"selection": "the selection", "final": "the final model", "both": "both"}
CLASSIFIERS = ("naive Bayes", "3-NN", "ridge", "shrunk LDA", "network 5-3")
PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "augmentation.png"


def effects_of(stage):
    """Return the effects of every search with generated rows, one line each."""
    path = RESULTS / f"augmentation_{stage}.csv.gz"
    runs = pd.read_csv(path, dtype={"amount": str}, low_memory=False)
    real = runs[runs["generator"] == "none"].set_index(WHERE)
    columns = ["mask_real", "regularised", "inner", "precision"]
    table = runs[runs["generator"] != "none"].join(real[columns].add_prefix("real_"), on=WHERE)
    optimism = table["inner"] - table["mask_real"]
    return table.assign(
        selection=table["mask_real"] - table["real_mask_real"],
        final=table["real_mask_both"] - table["real_mask_real"],
        both=table["mask_both"] - table["real_mask_real"],
        regularised=table["real_regularised"] - table["real_mask_real"],
        found=table["precision"] - table["real_precision"],
        optimism=optimism - (table["real_inner"] - table["real_mask_real"]),
    )


def over_replicates(table, effect):
    """Return an effect by replicate, the mean over data sets; of replicates that have them all."""
    values = table.pivot_table(index="replicate", columns="data", values=effect)
    return values.dropna().mean(axis=1).to_numpy()


def estimate(values, test_share=0.0):
    """Return mean, standard error and 95 % ends; with `test_share` of overlapping splits."""
    n = len(values)
    if n < 5:
        return {"n": n, "mean": np.mean(values) if n else np.nan}
    error = np.sqrt(values.var(ddof=1) * (1.0 / n + test_share))
    half = stats.t.ppf(0.975, n - 1) * error
    mean = values.mean()
    return {"n": n, "mean": mean, "error": error, "low": mean - half, "high": mean + half}


def tests_of(values):
    """Return the p of no difference, and that of a difference beyond the margin (TOST)."""
    mean, error, freedom = values.mean(), stats.sem(values), len(values) - 1
    beyond = max(stats.t.sf((mean + side * MARGIN) * side / error, freedom) for side in (-1, 1))
    return 2 * stats.t.sf(abs(mean) / error, freedom), beyond


def bracketed(row):
    if pd.isna(row.get("low")):
        return "" if pd.isna(row["mean"]) else f"{row['mean']:+.3f}"
    return f"{row['mean']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"


def markdown(table):
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *table.astype(str).values]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def table_of_cells(table, effect, by):
    """Return the estimates of an effect, a line each combination of `by`."""
    rows = []
    for key, part in table.groupby(by, sort=False):
        # A cell first: within a replicate and a data set, all that is in it counts alike.
        values = over_replicates(part, effect)
        rows.append(dict(zip(by, key, strict=True)) | {"effect": effect} | estimate(values))
    return pd.DataFrame(rows)


def screen_tables():
    table = effects_of("screen")
    even = table[~table["data"].str.contains(RARE)]
    cells = [table_of_cells(even, effect, CELL) for effect in (*EFFECTS, "regularised")]
    rare = table[table["data"].str.contains(RARE)]
    cells += [table_of_cells(rare, e, CELL).assign(data="rare class") for e in EFFECTS]
    return even, rare, pd.concat(cells, ignore_index=True)


def main_effects(even, rare):
    """Return means of each effect by a factor: a mixed model's plain counterpart.

    Data sets are the blocks, of which each replicate has all.
    """
    five, unguided = even["amount"] == "5", even["guide"] == "none"
    two = even["generator"].isin(("class Gaussian", "VAE"))
    three = even["classifier"].isin(("naive Bayes", "3-NN", "ridge"))
    parts = {
        "generator": even[five & unguided & three],
        "classifier": even[five & unguided],
        "rows": even[five & unguided & three],
        "amount": even[unguided & two & three],
        "guide": even[five & two & three],
        "rare class": rare.assign(**{"rare class": rare["generator"]}),
        "rare class, classifier": rare.assign(**{"rare class, classifier": rare["classifier"]}),
    }
    lines = [
        table_of_cells(part, effect, [by]).rename(columns={by: "level"}).assign(by=by)
        for by, part in parts.items()
        for effect in (*EFFECTS, "optimism", "found")
    ]
    found = pd.concat(lines, ignore_index=True)
    # Pages ask for a line by its values, between which commas stand.
    return found.assign(level=found["level"].astype(str).str.replace(",", ""))


def stability_table():
    """Return Nogueira's stability over independent draws of the training rows."""
    path = RESULTS / "augmentation_screen.csv.gz"
    runs = pd.read_csv(path, dtype={"amount": str}, low_memory=False)
    runs = runs[(runs["guide"] == "none") & runs["amount"].isin(("0", "5"))]
    runs = runs[runs["selected"].notna() & ~runs["data"].str.contains(RARE)]
    sizes = {"mnist49": 784, "madelon": 500, "planted 200": 200, "planted 2000": 2000}
    rows = []
    for key, part in runs.groupby(["data", "rows", "classifier", "generator"], sort=False):
        masks = np.zeros((len(part), sizes[key[0]]), dtype=bool)
        for mask, selected in zip(masks, part["selected"], strict=True):
            mask[np.array(selected.split(), dtype=int)] = True
        rows.append([*key, nogueira(masks)])
    by = ["classifier", "generator", "rows"]
    table = pd.DataFrame(rows, columns=["data", "rows", "classifier", "generator", "stability"])
    return table.groupby(by, sort=False)["stability"].mean().unstack()


def contrast_table():
    """Return the registered contrasts, and the controls beside them, on the fresh replicates."""
    table, registered = effects_of("confirm"), contrasts().astype({"amount": str})
    keys = ["rows", "classifier", "amount", "guide"]

    def values_of(line, generator):
        same = (table[keys] == [line[key] for key in keys]).all(axis=1)
        return over_replicates(table[same & (table["generator"] == generator)], line["effect"])

    rows = []
    for line in registered.to_dict("records"):
        values = values_of(line, line["generator"])
        if line["less"]:
            values = values - values_of(line, line["less"])
        difference, beyond = tests_of(values)
        asked = ("contrast", "rows", "classifier", "generator", "less", "effect")
        rows.append({key: line[key] for key in asked} | estimate(values))
        rows[-1] |= {"p": difference, "p_tost": beyond}
    found = pd.DataFrame(rows)
    found["generator"] = found["generator"].str.replace(",", "")  # as in the main effects
    tested = found["contrast"] != CONTROL
    found.loc[tested, "p_holm"] = holm(found.loc[tested, "p"])
    found["verdict"] = [verdict(row) for row in found.to_dict("records")]
    return found


def verdict(row):
    if row["contrast"] == CONTROL:
        return ""
    if row["p_holm"] < 0.05:
        words = "above 0" if row["mean"] > 0 else "below 0"
    else:
        words = "no difference shown"
    return words + (f"; within ±{MARGIN}" if row["p_tost"] < 0.05 else "")


def external_table():
    rows, table = [], effects_of("external")
    for (name, classifier, generator), part in table.groupby(
        ["data", "classifier", "generator"], sort=False
    ):
        share = TEST_SHARE / (1.0 - TEST_SHARE)
        line = {"data": name, "classifier": classifier, "generator": generator}
        for effect in (*EFFECTS, "regularised"):
            rows.append(line | {"effect": effect} | estimate(part[effect].to_numpy(), share))
    return pd.DataFrame(rows)


def votes_table():
    """Return what rows do to the selection by ten searches that vote, and five draws less one."""
    rows, table = [], effects_of("votes")
    for classifier, part in table.groupby("classifier", sort=False):
        of = {name: over_replicates(own, "selection") for name, own in part.groupby("generator")}
        of[FIVE_LESS_ONE] = of["VAE, five draws"] - of["VAE"]
        for generator, values in of.items():
            rows.append({"classifier": classifier, "generator": generator} | estimate(values))
    return pd.DataFrame(rows).replace({"VAE, five draws": "VAE five draws"})


def shown(table, index, columns="effect"):
    """Return a table of cells as text, one column an effect."""
    text = table.assign(text=[bracketed(row) for row in table.to_dict("records")])
    order = list(dict.fromkeys(text[columns]))
    values = {"values": "text", "aggfunc": "first", "sort": False}
    wide = text.pivot_table(index=index, columns=columns, **values)
    return wide[order].fillna("").reset_index()


LINES = {"bootstrap": GREY, "class Gaussian": COLOURS[1], "VAE": COLOURS[0]}


def draw(cells):
    """Draw the effects by rows a class: a column a classifier, the selection above."""
    figure = Figure(figsize=(10.0, 4.9), layout="constrained")
    axes = figure.subplots(2, len(CLASSIFIERS), sharex=True, sharey="row")
    for column, classifier in enumerate(CLASSIFIERS):
        for ax, effect in zip(axes[:, column], ("selection", "final"), strict=True):
            ax.axhspan(-MARGIN, MARGIN, color=GREY, alpha=0.18, linewidth=0)
            ax.axhline(0.0, color=GREY, linewidth=0.8)
            for place, (generator, colour) in enumerate(LINES.items()):
                own = cells[
                    (cells["classifier"] == classifier)
                    & (cells["generator"] == generator)
                    & (cells["effect"] == effect)
                    & (cells["guide"] == "none")
                    & cells["amount"].isin(("1", "5") if classifier == "network 5-3" else ("5",))
                    & cells.get("data").isna()
                ].sort_values("rows")
                across = own["rows"] * 1.06 ** (place - 1)
                ends = [own["mean"] - own["low"], own["high"] - own["mean"]]
                look = {"marker": "o", "markersize": 4, "linewidth": 1.3, "elinewidth": 0.9}
                ax.errorbar(across, own["mean"], ends, color=colour, label=generator, **look)
            ax.set_xscale("log")
            ax.set_xticks([5, 10, 20, 50], ["5", "10", "20", "50"])
            ax.minorticks_off()
            clean(ax)
        axes[0, column].set_title(classifier, fontsize=10)
        axes[1, column].set_xlabel("rows a class")
    axes[0, 0].set_ylabel("effect on the selection")
    axes[1, 0].set_ylabel("effect on the final model")
    axes[0, -1].legend(frameon=False, fontsize=8)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=130)


INTRO = """\
What generated rows do to a search for 20 features: `VAEGA_DATA=... python
benchmarks/augmentation.py STAGE`, then `python benchmarks/augmentation_report.py`. Differences of
held-out accuracy, with 95 % intervals. Selection: mask from augmented folds less mask from real
folds, final models on real rows. Final: the mask from real folds, final model on real and generated
rows less on real ones. Both: mask from augmented folds, final model on both kinds of rows.
Regularised: the classifier's own regulariser, tuned on real rows, less its default.
"""


def main():
    even, rare, cells = screen_tables()
    cells.round(4).to_csv(RESULTS / "augmentation_cells.csv", index=False)
    effects = main_effects(even, rare)
    effects.round(4).to_csv(RESULTS / "augmentation_main_effects.csv", index=False)
    stability = stability_table()
    stability.round(3).to_csv(RESULTS / "augmentation_stability.csv")
    text = [INTRO]
    if (RESULTS / "augmentation_confirm.csv.gz").exists():
        found = contrast_table()
        found.round(5).to_csv(RESULTS / "augmentation_confirmed.csv", index=False)
        differences = [bracketed(row) for row in found.to_dict("records")]
        table = found.assign(difference=differences)
        table = table.assign(**{k: table[k].map("{:.2g}".format) for k in ("p_holm", "p_tost")})
        asked = ["contrast", "classifier", "generator", "less", "effect", "n", "difference"]
        asked += ["p_holm", "p_tost", "verdict"]
        text += ["## Confirmed: registered contrasts on fresh replicates\n", markdown(table[asked])]
    if (RESULTS / "augmentation_external.csv.gz").exists():
        external = external_table()
        external.round(4).to_csv(RESULTS / "augmentation_outside.csv", index=False)
        text += [f"## Measured data, corrected intervals over {external['n'].max()} splits\n"]
        text += [markdown(shown(external, ["data", "classifier", "generator"]))]
    if (RESULTS / "augmentation_votes.csv.gz").exists():
        votes = votes_table()
        votes.round(4).to_csv(RESULTS / "augmentation_votes.csv", index=False)
        votes = votes.assign(effect="selection, ten searches that vote")
        text += ["## Where ten searches vote, 20 rows a class, fresh replicates\n"]
        text += [markdown(shown(votes, ["classifier", "generator"]))]
    text += ["## Screen: main effects, blocks are data sets\n"]
    text += [markdown(shown(effects, ["by", "level"]))]
    plain = cells[cells["data"].isna()].drop(columns="data")
    text += ["## Screen: every cell\n", markdown(shown(plain, CELL))]
    filled = cells[cells["data"].notna()].drop(columns="data")
    text += ["## Screen: one class of five, the rare one filled up\n"]
    text += [markdown(shown(filled, CELL))]
    text += ["## Screen: stability of the masks over independent draws (Nogueira)\n"]
    stability = stability.map("{:.3f}".format).replace("nan", "")
    text += [markdown(stability.reset_index())]
    (RESULTS / "augmentation.md").write_text("\n".join(text))
    draw(cells)
    print("\n".join(text[:6]))


if __name__ == "__main__":
    main()
