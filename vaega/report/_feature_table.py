"""The table of features: what runs select, what each feature says by itself, and what is chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaega.core.figures import (
    COLOURS,
    COLUMN_WIDTH,
    DARK,
    GREY,
    draw_shares,
    figure_style,
    legend_above,
    new_axes,
)
from vaega.core.tables import TextTable, csv_text
from vaega.experiments.store import RunRecord, Store
from vaega.experiments.univariate import Univariate, read_univariate
from vaega.report._results import Results
from vaega.report._section import Chart, Section, make_chart
from vaega.selection._stability import StabilityEstimate

SHOWN, CHARTED = 20, 15  # features of the page's table, and of a chart
MOST_ROWS = 20_000  # of features.csv; of more features those that something speaks for
LEVEL = 0.1  # of the q values that sentences are about
_MOST_LETTERS = 26  # of names in a chart
_MOST_NAMES = 10  # in a sentence


@dataclass(frozen=True, eq=False)
class ArmSelections:
    """What the trials of an arm select: one value a feature, by position."""

    arm: str
    searches: bool  # Whether it has a search, and not a filter or all features
    n_trials: int
    shares: np.ndarray  # (n_features,): of the trials that select each
    votes: np.ndarray  # (n_features,): mean frequency in these, see `RunRecord.selected`; or NaN
    sizes: np.ndarray  # (n_trials,): features that each selects
    permuted: np.ndarray | None = None  # (n_features,): share of the trials on permuted labels
    largest: np.ndarray | None = None  # (n_permutations,): share of the most frequent feature
    final: np.ndarray | None = None  # (n_features,) bool: selected on all rows

    @property
    def is_drawn(self) -> bool:
        """Whether a chart of its shares says anything."""
        return self.searches and not self.takes_all

    def most_frequent(self, n: int) -> np.ndarray:
        """Return the features that are selected most often, at most `n`."""
        order = np.argsort(-self.shares, kind="stable")[:n]
        return order[self.shares[order] > 0.0]

    def largest_by_chance(self, univariate: Univariate | None) -> tuple[float, float]:
        """Return the share of the most frequent feature with permuted labels: mean and most.

        Of an F test that selects as many, see `vaega.experiments.univariate.largest_by_chance`, or
        of the arm itself where that is more: its trials with permuted labels have few rows and
        labels in common where each splits anew. NaN where nothing is known.
        """
        known = [] if self.largest is None else [(self.largest.mean(), self.largest.max())]
        if univariate is not None and univariate.by_chance is not None:
            of_test, size = univariate.by_chance, self.sizes.mean()
            ends = (np.interp(size, of_test["size"], of_test[key]) for key in ("largest", "most"))
            known.append(tuple(ends))
        mean, most = np.max(known, axis=0) if known else (np.nan, np.nan)
        return float(mean), float(most)

    @property
    def takes_all(self) -> bool:
        """Whether every trial selects all features, so that shares say nothing."""
        return bool((self.sizes == len(self.shares)).all())


@dataclass(frozen=True, eq=False)
class Selections:
    """What is known of the features of an experiment."""

    names: tuple[str, ...]
    arms: tuple[ArmSelections, ...]  # Those with a finished run
    univariate: Univariate | None  # None in a folder of old

    @property
    def choosing(self) -> list[ArmSelections]:
        """Those arms that do not take all features."""
        return [arm for arm in self.arms if not arm.takes_all]


def read_selections(results: Results) -> Selections | None:
    """Read what the finished runs select; None where no run says of how many features."""
    store = Store(results.folder)
    by_arm: dict[str, list[RunRecord]] = {}
    for record in store.done():
        by_arm.setdefault(record.config["arm"]["name"], []).append(record)
    n_columns = [(record.metrics or {}).get("n_columns") for record in store.done()]
    if None in n_columns or len(set(n_columns)) != 1:
        return None
    n_features = int(n_columns[0] or 0)
    permuted = _permuted_records(store)
    arms = [
        _arm_selections(results, arm, by_arm[arm], permuted.get(arm, {}), n_features)
        for arm in results.config["arms"]
        if arm in by_arm
    ]
    univariate = read_univariate(results.folder)
    if univariate is not None and len(univariate.features) != n_features:
        univariate = None
    return Selections(_names(by_arm, univariate, n_features), tuple(arms), univariate)


def _permuted_records(store: Store) -> dict[str, dict[int, list[RunRecord]]]:
    """Return the finished runs on permuted labels by arm and permutation."""
    records: dict[str, dict[int, list[RunRecord]]] = {}
    for record in store.permuted():
        arm, number = record.config["arm"]["name"], int(record.config["permutation"])
        records.setdefault(arm, {}).setdefault(number, []).append(record)
    return records


def _names(
    by_arm: Mapping[str, Sequence[RunRecord]], univariate: Univariate | None, n_features: int
) -> tuple[str, ...]:
    if univariate is not None:
        return tuple(univariate.features["name"])
    names = [""] * n_features
    for record in (one for records in by_arm.values() for one in records):
        selected = record.selected()
        for feature, name in zip(selected["feature"], selected["name"], strict=True):
            names[feature] = name
    return tuple(names)


def _arm_selections(
    results: Results,
    arm: str,
    records: Sequence[RunRecord],
    permuted: Mapping[int, Sequence[RunRecord]],
    n_features: int,
) -> ArmSelections:
    counts, votes, sizes = _count(records, n_features)
    with np.errstate(invalid="ignore"):
        votes = votes / counts
    selections = {
        number: _count(of_number, n_features) for number, of_number in sorted(permuted.items())
    }
    shares = [counted / len(trials) for counted, _, trials in selections.values()]
    final = None
    if arm in results.finals:
        final = np.zeros(n_features, dtype=bool)
        final[results.finals[arm].selected()["feature"].to_numpy(dtype=int)] = True
    return ArmSelections(
        arm,
        searches=not results.config["arms"][arm].get("selector"),
        n_trials=len(sizes),
        shares=counts / len(sizes),
        votes=votes,
        sizes=sizes,
        permuted=np.mean(shares, axis=0) if shares else None,
        largest=np.array([share.max() for share in shares]) if shares else None,
        final=final,
    )


def _count(
    records: Sequence[RunRecord], n_features: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many trials select each feature, their votes for it, summed, and their sizes."""
    selected = pd.concat([record.selected() for record in records])
    features = selected["feature"].to_numpy(dtype=int)
    counts = np.bincount(features, minlength=n_features)
    votes = np.bincount(features, selected["frequency"].to_numpy(float), minlength=n_features)
    trials = [trial for record in records for trial in (record.metrics or {})["trials"]]
    return counts, votes, np.array([int(trial["n_features"]) for trial in trials])


def feature_table(selections: Selections) -> pd.DataFrame:
    """Return ``features.csv``: a row a feature, the final signatures first, then by share.

    Of more than 20,000 features those that a trial or a final run selects, or with a q value below
    1; ``feature`` is the position of each. Arms that search go before others.
    """
    table = pd.DataFrame({"feature": range(len(selections.names)), "name": selections.names})
    if selections.univariate is not None:
        table = table.join(_effect_columns(selections.univariate))
    for arm in selections.choosing:
        for name, values in _arm_columns(arm).items():
            table[f"{name}_{arm.arm}"] = values
    kept = [arm for arm in selections.choosing if arm.searches] or selections.choosing
    nothing = np.zeros(len(table))
    share = np.mean([arm.shares for arm in kept], axis=0) if kept else nothing
    finals = [arm.final for arm in kept if arm.final is not None]
    final = np.sum(finals, axis=0) if finals else nothing
    p_values = table["p_value"].fillna(1.0) if "p_value" in table else nothing
    table = table.iloc[np.lexsort((p_values, -share, -final))]
    if len(table) > MOST_ROWS:
        spoken_for = (share + final > 0)[table.index]
        if "q_value" in table:
            spoken_for |= (table["q_value"] < 1.0).to_numpy()
        table = table[spoken_for]
    return table.reset_index(drop=True)


def _effect_columns(univariate: Univariate) -> pd.DataFrame:
    features = univariate.features
    table = pd.DataFrame({"direction": direction(univariate)})
    table["difference"] = features["difference"]
    table["difference_low"], table["difference_high"] = features["low"], features["high"]
    for name in ("g", "g_low", "g_high", "q_value", "p_value", "q_test"):
        table[name] = features[name]
    for name in features.columns[features.columns.str.startswith("rank_")]:
        table[name] = features[name].astype("Int64")
    if "relevant" in features:
        table["relevant"] = features["relevant"].astype(bool)
    return table


def direction(univariate: Univariate) -> list[str]:
    """Return where each feature is higher, or lower: of two classes in which, of more in which."""
    names = univariate.class_names
    words = []
    for code, difference in univariate.features[["code", "difference"]].to_numpy():
        name = names[int(code)]
        if difference > 0.0:
            words.append(f"higher in {name}")
        elif difference < 0.0:
            words.append(f"higher in {names[0]}" if len(names) == 2 else f"lower in {name}")
        else:
            words.append("")
    return words


def _arm_columns(arm: ArmSelections) -> dict[str, Any]:
    columns: dict[str, Any] = {"share": arm.shares, "permuted_share": arm.permuted}
    if arm.searches:
        columns["votes"] = arm.votes
    if arm.final is not None:
        columns["final"] = arm.final
    return columns


def features_text(results: Results) -> str | None:
    """Return the content of ``features.csv``; None where runs of old do not tell."""
    selections = read_selections(results)
    if selections is None:
        return None
    table = feature_table(selections)
    figures = table.select_dtypes("float").columns
    table[figures] = table[figures].map(lambda value: float(f"{value:.6g}"))
    return csv_text(table)


def feature_section(results: Results) -> Section:
    """Return the table of features, what it says and what is chance, and the frequency charts."""
    selections = read_selections(results)
    title = "Features"
    if selections is None:
        return Section(title, [], TextTable((), ()))
    sentences = [
        *control_sentences(selections),
        *(sentence for arm in selections.arms for sentence in _arm_sentences(arm, selections)),
        *_truth_sentences(selections),
    ]
    table = _shown_table(selections)
    return Section(title, sentences, table, _charts(selections, results))


def control_sentences(selections: Selections) -> list[str]:
    """Say which features error control finds."""
    univariate = selections.univariate
    if univariate is None:
        return []
    q_values = univariate.features["q_value"].to_numpy()
    order = np.argsort(q_values, kind="stable")
    clear = [selections.names[index] for index in order[: int((q_values <= LEVEL).sum())]]
    if not clear:
        return [
            f"No feature is shown to differ between the classes: none of {len(q_values):,} has a q "
            f"value of at most {LEVEL:g}, the least is {q_values.min():.2f}."
        ]
    features = "feature has" if len(clear) == 1 else "features have"
    return [
        f"Tested one by one, {len(clear)} {features} a q value of at most {LEVEL:g}: "
        f"{_listed(clear)}. At most "
        f"{_percent(LEVEL)} of such a list is expected to be false."
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _arm_sentences(arm: ArmSelections, selections: Selections) -> list[str]:
    """Say whether the features of a search are selected more often than chance makes."""
    mean, most = arm.largest_by_chance(selections.univariate)
    if not arm.is_drawn or np.isnan(mean):
        return []
    above = np.flatnonzero(arm.shares > most)
    above = above[np.argsort(-arm.shares[above], kind="stable")]
    chance = (
        f"the most frequent one with permuted labels, which is in {_percent(mean)} of the trials "
        f"on average and in up to {_percent(most)}"
    )
    if not len(above):
        return [f"{arm.arm}: no feature is selected more often than {chance}."]
    names = _listed([selections.names[index] for index in above])
    features = "1 feature is" if len(above) == 1 else f"{len(above)} features are"
    return [f"{arm.arm}: {features} selected more often ({names}) than {chance}."]


def _truth_sentences(selections: Selections) -> list[str]:
    """Say how right the selections are, where it is known which features matter."""
    univariate = selections.univariate
    if univariate is None or "relevant" not in univariate.features:
        return []
    relevant = univariate.features["relevant"].to_numpy(dtype=bool)
    clear = univariate.features["q_value"].to_numpy() <= LEVEL
    sentences = [f"{_right(clear, relevant)} with a q value of at most {LEVEL:g}."]
    for arm in selections.choosing:
        found = arm.shares[relevant].sum()
        said = (
            f"{arm.arm}: a trial selects {found:.1f} of the {relevant.sum()} relevant features "
            f"among {arm.sizes.mean():.1f}"
        )
        if arm.final is not None:
            said += f"; {_right(arm.final, relevant)} in the final signature"
        sentences.append(f"{said}.")
    return sentences


def _right(chosen: np.ndarray, relevant: np.ndarray) -> str:
    hits, n = int((chosen & relevant).sum()), int(chosen.sum())
    precision = f"precision {hits / n:.2f}, " if n else ""
    return (
        f"{hits} of {int(relevant.sum())} relevant features are among the {n} "
        f"({precision}recall {hits / max(int(relevant.sum()), 1):.2f})"
    )


def _shown_table(selections: Selections) -> TextTable:
    table = feature_table(selections)
    shown = table.head(SHOWN)
    cells = {"feature": shown["name"].astype(str).tolist()}
    if selections.univariate is not None:
        cells["q"] = shown["q_value"].map(_q).tolist()
    for arm in selections.choosing:
        for heading, values in _arm_cells(arm, shown["feature"].to_numpy()).items():
            several = len(selections.choosing) > 1
            cells[f"{arm.arm}: {heading}" if several else heading] = values
    if selections.univariate is not None:
        cells |= _effect_cells(shown)
    rows = [list(row) for row in zip(*cells.values(), strict=True)]
    return TextTable(list(cells), rows, notes=_notes(selections, len(table)))


def _arm_cells(arm: ArmSelections, features: np.ndarray) -> dict[str, list[str]]:
    shares = [_percent(share) for share in arm.shares[features]]
    cells = {"share": shares}
    if arm.permuted is not None:
        by_chance = map(_percent, arm.permuted[features])
        both = [f"{share} ({chance})" for share, chance in zip(shares, by_chance, strict=True)]
        cells = {"share (permuted)": both}
    if arm.searches:
        cells["votes"] = ["" if np.isnan(vote) else _percent(vote) for vote in arm.votes[features]]
    if arm.final is not None:
        cells["final"] = ["yes" if one else "" for one in arm.final[features]]
    return cells


def _effect_cells(shown: pd.DataFrame) -> dict[str, list[str]]:
    ends = [f"difference{end}" for end in ("", "_low", "_high")]
    cells = {
        "q, t test": shown["q_test"].map(_q).tolist(),
        "direction": shown["direction"].tolist(),
        "difference [95 %]": [_interval(*row) for row in shown[ends].to_numpy()],
        "g": shown["g"].map(_figure).tolist(),
    }
    if "rank_f_classif" in shown:
        cells["rank by F"] = shown["rank_f_classif"].astype(str).tolist()
    return cells


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %"


def _figure(value: float) -> str:
    return "" if pd.isna(value) else f"{value:+.2f}"


def _interval(value: float, low: float, high: float) -> str:
    if pd.isna(value):
        return ""
    return f"{value:+.3g}" if pd.isna(low) else f"{value:+.3g} [{low:+.3g}, {high:+.3g}]"


def _q(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _notes(selections: Selections, n_rows: int) -> list[str]:
    """Say how the table is to be read."""
    univariate = selections.univariate
    n = len(selections.names)
    which = f"all {n:,}" if n_rows == n else f"the {n_rows:,} of {n:,} that something speaks for"
    notes = [f"features.csv has {which}."]
    if univariate is not None:
        notes += _effect_notes(univariate)
    notes.append(
        "Share: of the trials that select the feature; they share patients, so that a high share "
        "alone shows nothing. Permuted: its own share with permuted labels, low for each since "
        "chance picks others each time; what a share has to exceed is that of the most frequent "
        "one. Votes: of the searches in these trials (of a single search its last population); a "
        "feature may be selected without any, where a filter led. Final: in the signature of all "
        "rows."
    )
    return notes


def _effect_notes(univariate: Univariate) -> list[str]:
    rows = f"{univariate.n_rows} {'groups' if univariate.grouped else 'rows'}"
    units = f" after {', '.join(univariate.units)}" if univariate.units else ""
    names = univariate.class_names
    compared = f"the mean of {names[1]} less that of {names[0]}"
    if len(names) > 2:
        compared = "the mean of the class named less that of all others, whichever differs most"
    return [
        f"Difference: {compared}, in the units of the data{units}, over all {rows}, test rows "
        "included, with Welch's interval; no run reads it. g: the same in standard deviations "
        "(Hedges). Of features that were selected on these rows it is too large on average.",
        "q: the share of false features that is to be expected, at most, among all with this q or "
        "less; by stability selection on halves of the rows (Shah and Samworth 2013), and by the t "
        "test alone (Benjamini and Hochberg 1995).",
        *univariate.remarks,
    ]


def _charts(selections: Selections, results: Results) -> list[Chart]:
    """Draw, for each arm that searches, its most frequent features beside what chance makes."""
    charts = []
    for index, arm in enumerate(selections.arms):
        if not arm.is_drawn:
            continue
        shown = arm.most_frequent(CHARTED)
        ax = plot_frequencies(arm, selections, new_axes(_size(shown)), colour=_colour(index))
        tips = [
            (f"{selections.names[feature]}: in {_percent(arm.shares[feature])} of the trials",)
            for feature in shown[::-1]
        ]
        bars: dict[Any, tuple[str]] = dict(zip(ax.patches, tips, strict=False))
        caption = f"Share of {arm.n_trials} trials. {_chance_words(arm, selections)}"
        stability = results.stability.get(arm.arm)
        if stability is not None:
            caption += f" Stability (Nogueira): {_stability_words(stability)}."
        charts.append(make_chart(f"features-{index}", caption, ax, bars, title=arm.arm))
    return charts


def draw_frequencies(results: Results) -> dict[str, Figure]:
    """Return the frequency charts as figures, ``frequencies_ARM`` for each arm that searches."""
    selections = read_selections(results)
    figures: dict[str, Figure] = {}
    for index, arm in enumerate(() if selections is None else selections.arms):
        if arm.is_drawn and selections is not None:
            ax = new_axes(_size(arm.most_frequent(CHARTED)))
            plot_frequencies(arm, selections, ax, colour=_colour(index))
            figures[f"frequencies_{arm.arm}"] = ax.figure  # type: ignore[assignment]
    return figures


@figure_style()
def plot_frequencies(
    arm: ArmSelections, selections: Selections, ax: Axes, *, colour: str = COLOURS[0]
) -> Axes:
    """Draw the share of the trials that select each feature, and the shares that chance makes.

    A dashed line is the share of the most frequent feature with permuted labels in the mean of the
    permutations, the band beside it ends at the most, see `ArmSelections.largest_by_chance`; a
    stroke is each feature's own share where the arm ran with permuted labels.
    """
    shown = arm.most_frequent(CHARTED)
    places, label = range(len(shown)), "share of the trials that select it"
    draw_shares(ax, places, arm.shares[shown], colours=colour, label=label)
    ax.set_yticks(places, [_cut(selections.names[feature]) for feature in shown[::-1]])
    if arm.permuted is not None:
        own = arm.permuted[shown[::-1]]
        ax.scatter(own, places, marker="|", s=30, color=DARK, zorder=3, label="its own, permuted")
    mean, most = arm.largest_by_chance(selections.univariate)
    if np.isfinite(mean):
        ax.axvspan(mean, most, color=GREY, alpha=0.25, linewidth=0)
        label = "most frequent one, permuted labels"
        ax.axvline(mean, color=DARK, linestyle="--", linewidth=1.2, label=label)
        legend_above(ax)
    return ax


def _size(shown: np.ndarray) -> tuple[float, float]:
    return COLUMN_WIDTH, 0.8 + 0.15 * max(2, len(shown))


def _colour(index: int) -> str:
    return COLOURS[index % (len(COLOURS) - 1)]  # the last one is black, as chance is


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"


def _chance_words(arm: ArmSelections, selections: Selections) -> str:
    """Say what the line, the band and the strokes of a chart are."""
    mean, most = arm.largest_by_chance(selections.univariate)
    if np.isnan(mean):
        return "What chance makes is not known."
    own = "" if arm.permuted is None else " Strokes: the share in the runs on permuted labels."
    return (
        f"Dashed, {_percent(mean)}: the most frequent feature where an F test, or the arm itself, "
        f"selects as many with permuted labels; up to {_percent(most)}, the end of the band, in "
        f"single permutations.{own}"
    )


def _stability_words(stability: StabilityEstimate) -> str:
    ends = f" [{stability.low:.2f}, {stability.high:.2f}]" if np.isfinite(stability.low) else ""
    return f"{stability.value:.2f}{ends}; 0 is chance"
