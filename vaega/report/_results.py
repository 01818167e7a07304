"""The results of an experiment, read back from its folder, and its summary as tables."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.tables import TextTable, csv_text, json_records, latex_text
from vaega.core.wording import counted, decimals, mean_count
from vaega.experiments.config import statement_of
from vaega.experiments.facts import Facts
from vaega.experiments.final import describe_final
from vaega.experiments.intervals import LEAST_RUNS
from vaega.experiments.pooling import POOLED_NOTE
from vaega.experiments.store import (
    RunRecord,
    Store,
    heldout_intervals,
    measure_agreement,
    summarise,
)
from vaega.fitness._memory import FAILED
from vaega.report._comparison import RowEffect, effect_table, row_effects, scores_of
from vaega.report._environments import difference_sentences
from vaega.report._statistics import format_p_value
from vaega.selection._stability import StabilityEstimate
from vaega.selection._voting import TOGETHER, VOTES


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds, read back."""

    folder: Path  # ``results/NAME``
    config: dict[str, Any]  # The experiment's configuration
    environment: dict[str, Any]  # Versions and machine of one of its runs
    command: str  # The command that was given last
    runs: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    summary: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    # By arm that searches, the best objective: one row a generation, one column a search of a trial
    histories: dict[str, pd.DataFrame]
    # By arm, how many trials selected each feature: ``name``, ``share``
    features: dict[str, pd.DataFrame]
    # By arm with at least two trials, how far its selections agree
    stability: dict[str, StabilityEstimate]
    # As in ``null.csv``; without rows where no labels were permuted
    null: pd.DataFrame = field(default_factory=pd.DataFrame)
    # By arm, what each of its runs recorded
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # What generated rows do to the selection and to the final model, see `effect_table`
    effects: TextTable = field(default_factory=lambda: TextTable((), ()))
    # The same as figures
    row_effects: Sequence[RowEffect] = ()
    # Score of a model that knows no feature: of chance, where known
    constant: float = float("nan")
    # By arm, what each run's final models predicted of the test rows
    predictions: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    notes: Sequence[str] = ()  # On the data, as on its card
    # In what runs differ that computed them; see `vaega.report._environments`
    differences: Sequence[str] = ()
    # By arm that adds rows, how good they are; see `describe_generator`
    generators: dict[str, dict[str, Any]] = field(default_factory=dict)
    # By arm the final run, on all rows; without those that are not planned or not done
    finals: dict[str, RunRecord] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        """What the scores are of."""
        run = next((one for runs in self.metrics.values() for one in runs), {})
        recorded = {"n_features": run.get("n_columns"), "class_names": run.get("class_names")}
        known = {name: value for name, value in recorded.items() if value is not None}
        if "dataset" in self.runs and len(self.runs):
            known["name"] = str(self.runs["dataset"].iloc[0])
        return Facts(self.config, {**known, **run.get("data", {})})

    @property
    def is_pooled(self) -> bool:
        """Whether scores are of the predictions of all trials of a run together."""
        return any(run.get("pooled") for runs in self.metrics.values() for run in runs)

    @property
    def searching(self) -> list[str]:
        """Arms that search; the others have a classical selection."""
        return [arm for arm, settings in self.config["arms"].items() if searches(settings)]


def searches(arm: Mapping[str, Any]) -> bool:
    """Return whether an arm, as the configuration has it, searches."""
    return not arm.get("selector")


def read_results(folder: Path) -> Results:
    """Read a results folder."""
    store = Store(folder)
    with store.reading():
        return _read(store)


def _read(store: Store) -> Results:
    config = store.config
    by_arm: dict[str, list[RunRecord]] = {arm: [] for arm in config["arms"]}
    for record in store.done():
        by_arm.get(record.config["arm"]["name"], []).append(record)
    finished = {arm: records for arm, records in by_arm.items() if records}
    first = next((records[0] for records in finished.values()), None)
    agreement = {
        arm: measure_agreement([record.masks() for record in records])
        for arm, records in by_arm.items()
    }
    runs, null = store.runs_table(), store.null_table()
    scores = [scores_of(store)] if finished else []
    return Results(
        folder=store.folder,
        config=config,
        environment={} if first is None else first.environment,
        command=store.command or f"vaega report {store.folder}",
        runs=runs,
        summary=summarise(
            runs, agreement, null, heldout_intervals(finished), store.null_stability()
        ),
        histories={
            arm: _best_by_generation(records)
            for arm, records in finished.items()
            if searches(config["arms"][arm])
        },
        features={arm: _selection_share(records) for arm, records in finished.items()},
        stability={arm: value for arm, value in agreement.items() if value is not None},
        null=null,
        metrics={arm: [one.metrics or {} for one in records] for arm, records in by_arm.items()},
        predictions={arm: _predictions(records) for arm, records in finished.items()},
        generators=_generators(finished),
        effects=effect_table(scores),
        row_effects=[effect for one in scores for effect in row_effects(one)],
        notes=_notes(finished),
        differences=difference_sentences(
            record.environment for records in finished.values() for record in records
        ),
        constant=_chance_score(config["fitness"]["metric"], finished),
        finals={arm: final for arm in by_arm if (final := store.final(arm)) is not None},
    )


def _notes(finished: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    records = next(iter(finished.values()), [])
    return list((records[0].metrics or {}).get("notes", ())) if records else []


def _chance_score(metric: str, finished: Mapping[str, Sequence[RunRecord]]) -> float:
    """Return the score of a model that knows no feature, or not-a-number.

    It names the commonest class of the test rows, or gives every row the shares of the classes.
    """
    if metric.startswith("roc_auc"):
        return 0.5
    metrics = next((records[0].metrics or {} for records in finished.values()), {})
    counts = pd.DataFrame(metrics.get("classes", []), columns=["trial", "n_rows"])
    trials = [
        group.to_numpy(dtype=float) / group.sum()
        for _, group in counts[counts["n_rows"] > 0].groupby("trial")["n_rows"]
    ]
    score = _CHANCE.get(metric)
    return float("nan") if score is None or not trials else float(np.mean([*map(score, trials)]))


def _f1_of_commonest(shares: np.ndarray) -> float:
    return float(2.0 * shares.max() / (1.0 + shares.max()))


# Of the shares of the classes that test rows have.
_CHANCE: dict[str, Callable[[np.ndarray], float]] = {
    "accuracy": lambda shares: float(shares.max()),
    "balanced_accuracy": lambda shares: 1.0 / len(shares),
    "f1_macro": lambda shares: _f1_of_commonest(shares) / len(shares),
    "f1_weighted": lambda shares: _f1_of_commonest(shares) * float(shares.max()),
    "matthews_corrcoef": lambda shares: 0.0,
    "neg_log_loss": lambda shares: float((shares * np.log(shares)).sum()),
}


def _generators(finished: Mapping[str, Sequence[RunRecord]]) -> dict[str, dict[str, Any]]:
    measured = {
        arm: [record.generator for record in records if record.generator is not None]
        for arm, records in finished.items()
    }
    return {arm: records[0] for arm, records in measured.items() if records}


def _predictions(records: Sequence[RunRecord]) -> list[pd.DataFrame]:
    tables = [record.predictions() for record in records]
    return [table for table in tables if len(table)]


def _best_by_generation(records: Sequence[RunRecord]) -> pd.DataFrame:
    columns = []
    for record in records:
        history = record.history()
        # Searches that vote count their generations each for itself.
        counted = [name for name in ("trial", "search") if name in history]
        for _, search in history.groupby(counted):
            columns.append(search.set_index("generation")["best"].cummax())
    return pd.concat(columns, axis=1, ignore_index=True).ffill()


def _selection_share(records: Sequence[RunRecord]) -> pd.DataFrame:
    # A trial may have selected no feature.
    n_trials = sum(len((record.metrics or {})["trials"]) for record in records)
    counts = pd.concat([record.selected() for record in records])["name"].value_counts(sort=False)
    table = (counts / n_trials).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)


TEXT_FORMATS = ("markdown", "latex", "csv")
SUMMARY_COLUMNS = (
    "arm", "runs", "held-out [95 %]", "inner", "optimism", "features", "masks", "seconds",
)  # fmt: skip
CHANCE = "p"
CHANCE_NOTE = "p: of as high a mean over the same seeds with permuted labels."
LEVEL = 0.05  # of that p, from which on an arm is not shown to beat chance
# What these are called where the search saw the test rows.
_OPEN_COLUMNS = {"held-out [95 %]": "test rows, seen [95 %]", "inner": "fitness"}


def summary_table(summary: pd.DataFrame, *, metric: str = "", title: str = "") -> TextTable:
    """Return means of each arm, as in ``summary.csv``, as text; `metric` is what it is called."""
    seen = "protocol" in summary and bool((summary["protocol"] != "honest").any())
    columns = [_OPEN_COLUMNS.get(name, name) if seen else name for name in SUMMARY_COLUMNS]
    columns = [name.replace(" [95 %]", f" {metric} [95 %]") if metric else name for name in columns]
    rows = [_arm_cells(row) for _, row in summary.iterrows()]
    if "p_value" in summary and summary["p_value"].notna().any():
        place = SUMMARY_COLUMNS.index("inner")  # beside the score that it is of
        columns.insert(place, CHANCE)
        for cells, p_value in zip(rows, summary["p_value"], strict=True):
            cells.insert(place, "" if pd.isna(p_value) else format_p_value(p_value))
    return TextTable(columns, rows, title)


def chance_sentences(summary: pd.DataFrame, searching: Collection[str] | None = None) -> list[str]:
    """Say of each arm with runs on permuted labels whether it does better than these.

    Arms that are not among `searching`, where it is given, select without a search.
    """
    if "p_value" not in summary:
        return []
    sentences = []
    for row in summary[summary["p_value"] >= LEVEL].to_dict("records"):
        n, p_value = int(row["null_permutations"]), format_p_value(row["p_value"])
        few = "; so few cannot show it" if too_few(n) else ""
        same = "searches" if searching is None or row["arm"] in searching else "the same procedure"
        sentences.append(
            f"{row['arm']}: not shown to do better than {same} on permuted labels, whose "
            f"held-out score is {decimals(row['null_heldout_mean'])} over "
            f"{counted(n, 'permutation')} (p = {p_value}{few})."
        )
    return sentences


def too_few(n_permutations: int) -> bool:
    """Return whether so many permutations cannot give a p below the level."""
    return 1.0 / (n_permutations + 1.0) >= LEVEL


def few_runs_sentences(summary: pd.DataFrame) -> list[str]:
    """Say that runs are too few for an interval, where they are."""
    few = len(summary) and (summary["n_runs"] < LEAST_RUNS).any()
    return [f"Fewer than {LEAST_RUNS} runs have no interval."] if few else []


def pooled_sentences(results: Results) -> list[str]:
    """Say that scores are of the predictions of all trials together, where they are."""
    return [POOLED_NOTE] if results.is_pooled else []


def interval_sentences(results: Results) -> list[str]:
    """Say why scores have no interval, where they have none."""
    return pooled_sentences(results) or few_runs_sentences(results.summary)


def failure_sentences(results: Results) -> list[str]:
    """Say of each arm on how many masks its classifier failed, where it did."""
    sentences = []
    for arm, runs in results.metrics.items():
        failed = Counter[str]()
        for run in runs:
            warned = run.get("warnings", {}).items()
            failed.update({text: n for text, n in warned if text.startswith(FAILED)})
        n_failed = failed.total()
        if n_failed:
            sentences.append(
                f"{arm}: the classifier failed on {counted(n_failed, 'mask')}, which "
                f"{'counts' if n_failed == 1 else 'count'} as the worst; metrics.json of a run "
                "says why."
            )
    return sentences


def notes_of_summary(results: Results) -> list[str]:
    """Return what a terminal says below the first table."""
    note = [] if results.null.empty else [CHANCE_NOTE]
    summary = results.summary
    chance = chance_sentences(summary, results.searching)
    said = [*chance, *interval_sentences(results), *failure_sentences(results)]
    said += results.differences
    return [*note, *said]


_NAMED = 10  # features of a signature in a sentence


def final_sentences(results: Results) -> list[tuple[str, Path]]:
    """Say of each arm what its final run selected, by votes, and where that stands."""
    said, known = [], results.summary.set_index("arm").get("p_value", pd.Series(dtype=float))
    for arm, record in results.finals.items():
        metrics, p = record.metrics or {}, known.get(arm, float("nan"))
        sentence = f"final signature of {arm}: {describe_final(metrics)}"
        if p >= LEVEL:  # names of what chance found would be taken for findings
            sentence += f"; no signal is shown (p = {format_p_value(p)}), so that none is named."
        else:
            names = list(map(str, record.rows().columns[2:]))
            more = int(metrics["n_features"]) - len(names[:_NAMED])
            shown = [*names[:_NAMED], *([f"and {more:,} more"] if names and more else [])]
            sentence += f": {', '.join(shown)}." if shown else "."
        if "no_model" in metrics:
            sentence += f" It has no model file: {metrics['no_model']}"
        said.append((sentence, record.folder / "selected.csv"))
    return said


def _arm_cells(row: pd.Series) -> list[str]:
    interval = ""
    if pd.notna(row["heldout_low"]):
        interval = f" [{decimals(row['heldout_low'])}, {decimals(row['heldout_high'])}]"
    return [
        str(row["arm"]),
        str(int(row["n_runs"])),
        f"{decimals(row['heldout_mean'])}{interval}",
        decimals(row["inner_mean"]),
        decimals(row["optimism_mean"], signed=True),
        mean_count(row["n_features_mean"]),
        decimals(row["n_distinct_mean"], 0),
        decimals(row["seconds_mean"], 1),
    ]


def lead_sentences(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Say of each arm that voted what led its selections, and what its searches add.

    `metrics` holds what each run of an arm recorded. The difference is that of votes and guide
    together from the candidate that leads in a tie, the error that of one trial: trials overlap.
    """
    sentences = []
    for arm, runs in metrics.items():
        table = candidates_of(runs)
        if table.empty:
            continue
        leaders = table.loc[table["leads"], "candidate"].value_counts()
        if leaders.empty:
            sentences.append(f"{arm}: error control selected, and none of the rankings led.")
            continue
        led = ", ".join(f"{name} {count}" for name, count in leaders.items())
        first = table["candidate"].iloc[0]
        n_led = int(leaders.get(VOTES, 0) + leaders.get(TOGETHER, 0))
        who = f"{arm}: the searches led in {n_led} of {counted(leaders.sum(), 'trial')} ({led})"
        together = table["candidate"] == TOGETHER
        gain, error = table.loc[together, ["gain", "gain_error"]].astype(float).mean()
        if pd.isna(gain):
            sentences.append(f"{who}.")
            continue
        sentences.append(
            f"{who}; {TOGETHER} less {first} on unseen rows: {decimals(gain, signed=True)} ± "
            f"{decimals(error)}."
        )
    return sentences


def candidates_of(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rankings that competed in each trial of some runs, one row each."""
    rows = [
        {"run": index, **candidate}
        for index, run in enumerate(runs)
        for candidate in run.get("candidates", ())
    ]
    return pd.DataFrame(rows)


def summary_text(results: "Results", kind: str, *, command: str = "") -> str:
    """Return the summary of an experiment as text, with the rows that fitness was computed on."""
    if kind == "csv":
        return csv_text(results.summary)
    statement, facts = statement_of(results.config), results.facts
    table = summary_table(results.summary, metric=facts.metric.name)
    few, chance = interval_sentences(results), chance_sentences(results.summary, results.searching)
    statement = " ".join([*chance, statement, *few])
    about = [facts.heading, *facts.sentences(results.constant)]
    if kind == "latex":
        comments = [statement, *([command] if command else []), *about]
        effects = results.effects.latex() if results.effects.rows else ""
        return "".join(f"% {latex_text(line)}\n" for line in comments) + table.latex() + effects
    named = f"\nCommand: `{command}`\n" if command else ""
    effects = ""
    if results.effects.rows:
        notes = "".join(f"- {note}\n" for note in results.effects.notes)
        effects = f"{results.effects.markdown()}\n{notes}\n"
    of_what = "".join(f"- {line}\n" for line in about)
    return f"{table.markdown()}\n{of_what}\n{effects}{statement}\n{named}"


def summary_record(results: "Results") -> dict[str, Any]:
    """Return an experiment as what JSON can hold: its arms, its runs, its folder."""
    return {
        "name": results.config["name"],
        "folder": str(results.folder),
        "protocol": results.config["protocol"]["kind"],
        "statement": statement_of(results.config),
        "metric": str(results.config["fitness"]["metric"]),
        "about": results.facts.sentences(results.constant),
        "notes": list(results.notes),
        "arms": json_records(results.summary),
        "runs": json_records(results.runs),
    }
