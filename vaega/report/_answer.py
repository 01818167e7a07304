"""What the page of an experiment says first: whether there is a signal, in what, by whose merit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vaega.core.wording import counted, counted_mean, decimals, listed
from vaega.report._comparison import DatasetComparison, RowEffect
from vaega.report._results import LEVEL, Results, candidates_of, searches, too_few
from vaega.report._statistics import ArmComparison, format_p_value
from vaega.selection._voting import TOGETHER, VOTES

Rows = Mapping[str, Mapping[Any, Any]]  # By arm, its row of ``summary.csv``
MOST_ARMS = 3  # that the answer is about
MOST_NAMES = 10  # of features


@dataclass(frozen=True)
class Answer:
    """The first screen of the page."""

    headline: str
    is_shown: bool  # Whether an arm is shown to do better than with permuted labels
    items: Sequence[tuple[str, Sequence[str]]]  # What is asked, and sentences


def answer(
    results: Results, comparison: DatasetComparison | None, by_feature: Sequence[str] = ()
) -> Answer:
    """Return what the results say of the arms that the experiment is about.

    `by_feature` says what each feature shows by itself, see
    `vaega.report._feature_table.control_sentences`.
    """
    arms = own_arms(results)
    rows: Rows = {str(row["arm"]): row for row in results.summary.to_dict("records")}
    shown = [arm for arm in arms if is_shown(rows[arm])]
    items = {
        "On unseen rows": [_score(results, rows[arm]) for arm in arms],
        "Features": [*(_features(results, rows[arm]) for arm in arms), *by_feature],
        "Against rivals": list(_rivals(rows, arms, comparison)),
        "Who led": [_leader(results, arm) for arm in arms],
        "Generated rows": list(_generated(results.row_effects)) or ["None were added."],
    }
    if results.config["protocol"]["kind"] != "honest":
        items = {"On rows that the search saw": items.pop("On unseen rows"), **items}
    said = [(name, sentences) for name, sentences in items.items() if sentences]
    return Answer(_headline(results, rows, arms, shown), bool(shown), said)


def own_arms(results: Results) -> list[str]:
    """Return the arms that the answer is about: those that search, else the first that selects."""
    settings = results.config["arms"]
    finished = [str(arm) for arm in results.summary["arm"]]
    own = [
        arm for arm in finished if searches(settings[arm]) and not settings[arm].get("regularised")
    ]
    selecting = [
        arm for arm in finished if (settings[arm].get("selector") or {}).get("kind") != "all"
    ]
    return (own or selecting[:1] or finished[:1])[:MOST_ARMS]


def is_shown(row: Mapping[Any, Any]) -> bool:
    """Return whether an arm does better than permuted labels let one expect."""
    return bool(row.get("p_value", float("nan")) < LEVEL)


def _headline(results: Results, rows: Rows, arms: list[str], shown: list[str]) -> str:
    metric = results.facts.metric.name
    if results.config["protocol"]["kind"] != "honest":
        return "The search saw the test rows: no score here is one of unseen rows."
    if shown:
        best = max(shown, key=lambda arm: float(rows[arm]["heldout_mean"]))
        verb = "does" if len(shown) == 1 else "do"
        return (
            f"{listed(shown)} {verb} better than chance on unseen rows: {metric} "
            f"{_scored(rows[best])}, p = {format_p_value(rows[best]['p_value'])}."
        )
    known = [arm for arm in arms if pd.notna(rows[arm].get("p_value"))]
    if not known:
        return (
            "No signal is shown: no run permuted the labels, so that nothing says how often chance "
            "does as well; permutations: 20 in the configuration does."
        )
    n = int(rows[known[0]]["null_permutations"])
    few = "; so few cannot show one" if too_few(n) else ""
    p_values = listed([f"{arm} p = {format_p_value(rows[arm]['p_value'])}" for arm in known])
    return (
        f"No signal is shown: permuted labels do as well too often ({p_values}, of "
        f"{counted(n, 'permutation')}{few}). What follows describes chance, as far as is known."
    )


def _scored(row: Mapping[Any, Any]) -> str:
    score = decimals(row["heldout_mean"])
    if pd.isna(row["heldout_low"]):
        return score
    return f"{score} [{decimals(row['heldout_low'])}, {decimals(row['heldout_high'])}]"


def _score(results: Results, row: Mapping[Any, Any]) -> str:
    parts = [f"{row['arm']}: {results.facts.metric.name} {_scored(row)}"]
    if pd.notna(results.constant):
        parts.append(f"chance {decimals(results.constant)}")
    if pd.notna(row.get("p_value")):
        parts.append(f"permuted labels {decimals(row['null_heldout_mean'])}")
        parts.append(f"p = {format_p_value(row['p_value'])}")
    return f"{'; '.join(parts)}."


def _features(results: Results, row: Mapping[Any, Any]) -> str:
    arm = str(row["arm"])
    start = f"{arm}: {counted_mean(row['n_features_mean'], 'feature')} selected"
    if len({run["n_features"] for run in results.metrics[arm]}) > 1:
        start += " in the mean of its runs"
    if not is_shown(row):
        return f"{start}; without a signal their names say nothing."
    often = results.features[arm]["name"].astype(str).tolist()
    if arm in results.finals:
        place = {name: index for index, name in enumerate(often)}  # the most often selected first
        final = results.finals[arm].selected()["name"].astype(str)
        names = sorted(final, key=lambda name: place.get(name, len(place)))
        return f"{start}; on all rows {_named(names)}."
    return f"{start}; most often {_named(often)}."


def _named(names: list[str]) -> str:
    return listed(names, MOST_NAMES) if names else "none"


def _rivals(rows: Rows, arms: list[str], comparison: DatasetComparison | None) -> Iterator[str]:
    rivals = [arm for arm in rows if arm not in arms]
    if not rivals and not arms:
        yield "None: no run has a score."
        return
    if not rivals:
        yield (
            "None was run: an arm with a filter of the same size (selector: {kind: f_classif, "
            f"size: {arms[0]}}}) would say what the search is worth."
        )
        return
    best = max(rivals, key=lambda arm: float(rows[arm]["heldout_mean"]))
    yield (
        f"The best of {len(rivals)}: {best}, {_scored(rows[best])}."
        if len(rivals) > 1
        else (f"{best}: {_scored(rows[best])}.")
    )
    for arm in arms:
        pairs = _pairs_of(arm, rivals, comparison)
        others = [rival for rival in pairs if rival != best]
        above = [rival for rival in others if _is_above(pairs[rival], arm)]
        below = [rival for rival in others if _is_above(pairs[rival], rival)]
        if best in pairs:
            yield pairs[best].sentence
        if above:
            yield f"{arm} is shown above {listed(above)} too."
        if below:
            yield f"{arm} is shown below {listed(below)} too."


def _pairs_of(
    arm: str, rivals: list[str], comparison: DatasetComparison | None
) -> dict[str, ArmComparison]:
    pairs = {}
    for pair in comparison.comparisons if comparison is not None else ():
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            if one == arm and other in rivals:
                pairs[other] = pair
    return pairs


def _is_above(pair: ArmComparison, arm: str) -> bool:
    return pair.differs and (pair.difference > 0.0) == (pair.first == arm)


def _leader(results: Results, arm: str) -> str:
    if not searches(results.config["arms"][arm]):
        return f"{arm}: a classical selection, nothing was searched."
    table = candidates_of(results.metrics[arm])
    if table.empty:
        return f"{arm}: the search; no vote was held."
    leaders = table.loc[table["leads"], "candidate"]
    n, n_led = len(leaders), int(leaders.isin([VOTES, TOGETHER]).sum())
    if not n:
        by = "searches find" if results.config["search"]["guide"] == "none" else "the guide ranks"
        return f"{arm}: error control selected, by what {by} first on halves of the rows."
    trials = counted(n, "trial")
    if n_led == 0:
        return f"{arm}: the filter, in all of {trials}; the searches added nothing to it."
    if n_led == n:
        return f"{arm}: the searches, in all of {trials}."
    return f"{arm}: the filter in {n - n_led} of {trials}, the searches in {n_led}."


def _generated(effects: Sequence[RowEffect]) -> Iterator[str]:
    of_pair: dict[tuple[str, str], dict[str, RowEffect]] = {}
    for effect in effects:
        of_pair.setdefault((effect.arm, effect.base), {})[effect.effect] = effect
    for (arm, base), parts in of_pair.items():
        together = parts["together"]
        size = decimals(together.difference, signed=True)
        if pd.isna(together.p_value):
            outcome = f"{counted(together.n, 'trial')}, too few for a test"
        else:
            ends = ", ".join(decimals(end, signed=True) for end in (together.low, together.high))
            size += f" [{ends}]"
            shown = "shown" if together.p_value < LEVEL else "no difference shown"
            outcome = f"{shown}, p = {format_p_value(together.p_value)}"
        steps = [
            f"{decimals(parts[name].difference, signed=True)} by the {name}"
            for name in ("selection", "final model")
        ]
        yield f"{arm} less {base}: {size} ({outcome}); of it {' and '.join(steps)}."
