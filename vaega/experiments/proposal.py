"""A first configuration for a file, proposed from what is in it; ``vaega init`` writes it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vaega.core.errors import DataError, InputError
from vaega.core.files import relative_path
from vaega.core.wording import counted
from vaega.core.yaml import parse_yaml
from vaega.data._dataset import Dataset, quoted
from vaega.data._features import number_hint
from vaega.data._leakage import no_measurements
from vaega.data._sources import read_columns
from vaega.data._suggestions import SuggestedStep, suggest_metric, suggest_steps
from vaega.data._tables import TARGET_NAMES, Table
from vaega.experiments.config import ProtocolConfig, make_config, make_dataset_section
from vaega.experiments.faults import check_classes
from vaega.experiments.protocols import HonestProtocol

OWNER = "init"

# Columns whose name and values say what several rows come from.
_SUBJECT = re.compile(r"patient|subject|donor|individual|animal|mouse|person|participant", re.I)
_BATCH = re.compile(
    r"(^|[\W_])(batch|plate|scanner|lane)([\W_]|$)|^(site|centre|center)$", re.IGNORECASE
)
_MOST_CATEGORIES = 20  # text of more different values is a name or a remark

# By the cells of the table (rows times columns) up to which they hold: seeds, and how many seeds
# each of twenty permutations of the labels is run with. More cells take longer, so that a first
# answer has less behind it; `vaega check` says how long.
_BUDGETS = ((300_000, 10, 3), (1_500_000, 10, 1), (6_000_000, 5, 1), (np.inf, 3, 0))
_PERMUTATIONS = 20  # 19 are the fewest that can give p = 0.05
_FOLDS = 5
_SEEDS_TRIED = 10
_LEAST_ROWS = 3  # of a class


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are, beside its features."""

    ignore: tuple[str, ...] = ()
    categorical: str = "error"
    reasons: tuple[str, ...] = ()  # Of what is ignored or spread, a line each
    subject: str | None = None  # A column that may say which rows belong together
    mistaken: bool = False  # Whether there are columns of numbers with a few words among them

    def without(self, names: Sequence[str], reason: str) -> "Columns":
        """Return the columns with more of them ignored, for a reason."""
        said = f"{quoted(names)} {reason}"
        return replace(self, ignore=(*self.ignore, *names), reasons=(*self.reasons, said))


@dataclass(frozen=True, eq=False)
class Proposal:
    """A configuration as text, with comments, and what it was made from."""

    text: str
    dataset: Dataset
    reasons: tuple[str, ...]  # Of what is ignored or spread, as in the text


def propose(source: Path, out: Path, **keys: Any) -> Proposal:
    """Look at a file and propose a configuration.

    Parameters
    ----------
    source : pathlib.Path
        The data.
    out : pathlib.Path
        The file that the configuration is for; paths in it are relative to its folder.
    **keys
        Those of the section ``dataset`` that are known: target, labels, ignore, ...

    Returns
    -------
    Proposal

    Raises
    ------
    InputError
        When the data cannot be read or searched at all; the message is one sentence.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_wine
    >>> with TemporaryDirectory() as place:
    ...     path = Path(place) / "wine.csv"
    ...     load_wine(as_frame=True).frame.to_csv(path, index=False)
    ...     text = propose(path, path.with_suffix(".yaml"), target="target").text
    >>> yaml.safe_load(text)["dataset"]
    {'source': 'wine.csv', 'target': 'target'}
    """
    section = {"source": str(source), **keys}
    columns = Columns(tuple(keys.get("ignore", ())), keys.get("categorical", "error"))
    is_plain = not {"labels", "transpose"} & keys.keys()  # else columns are rows of the file
    if is_plain:
        columns = _look_at_text(section, columns)
    try:
        dataset = _load(section, columns)
    except DataError as error:
        if not columns.mistaken:
            raise
        remedy = "what is no measurement is left out by ignore (--ignore)"
        raise DataError(f"{str(error).rstrip('.')}; {remedy}.") from error
    findings = no_measurements(dataset.X, dataset.feature_names)
    batches = _numbered_batches(dataset) if is_plain else []
    columns = columns.without(batches, _OF_BATCHES) if batches else columns
    for finding in findings:
        name = dataset.feature_names[finding.column]
        columns = columns.without([name], finding.what)
        if finding.remedy and columns.subject is None:  # it has several rows of one
            columns = replace(columns, subject=name)
    if findings or batches:
        dataset = _load(section, columns)
    text = _write(_as_written(section, columns, out), columns, dataset, out)
    make_config(parse_yaml(text, origin=OWNER), origin=OWNER)
    return Proposal(text, dataset, columns.reasons)


_OF_BATCHES = "may name batches, which are no features"


def _numbered_batches(dataset: Dataset) -> list[str]:
    """Return the columns of a few whole numbers whose names say that they are of batches."""
    named = [i for i, name in enumerate(dataset.feature_names) if _BATCH.search(name)]
    values = {dataset.feature_names[i]: np.unique(dataset.X[:, i]) for i in named}
    return [
        name
        for name, few in values.items()
        if "=" not in name and len(few) <= _MOST_CATEGORIES and np.array_equal(few, np.round(few))
    ]


def _load(section: Mapping[str, Any], columns: Columns) -> Dataset:
    content = {**section, "ignore": list(columns.ignore), "categorical": columns.categorical}
    return make_dataset_section(content, origin=OWNER).load(beside=Path.cwd())


def _as_written(section: Mapping[str, Any], columns: Columns, out: Path) -> dict[str, Any]:
    """Return the section ``dataset`` as it stands in the file `out`."""
    written = {**section, "source": _seen_from(Path(section["source"]), out.parent)}
    if "labels" in section:
        file = _seen_from(Path(section["labels"]["file"]), out.parent)
        written["labels"] = {**section["labels"], "file": file}
    if columns.ignore:
        written["ignore"] = list(columns.ignore)
    if columns.categorical != "error":
        written["categorical"] = columns.categorical
    return written


def _seen_from(path: Path, folder: Path) -> str:
    """Return a path as a configuration in `folder` finds it; a bare name stays what it is."""
    return relative_path(path, folder) if path.exists() else str(path)


def _look_at_text(section: Mapping[str, Any], columns: Columns) -> Columns:
    """Return what to do with text columns: names of rows are ignored, categories spread."""
    table = read_columns(section["source"], target=section.get("target"))
    if table is None:
        return columns
    target = section.get("target")
    described = () if table.annotations is None else table.annotations.names
    if target is not None and target not in (*table.names, *described):
        return columns  # which is refused with what may be meant
    taken = {target, section.get("groups"), *columns.ignore}
    if target is None:
        taken |= {name for name in table.names if name.strip().lower() in TARGET_NAMES}
    spread = []
    for name, values in _text_columns(table):
        if name in taken:
            continue
        present = [value for value in values if value is not None]
        n_values = len(set(present))
        if _SUBJECT.search(name) and 1 < n_values < len(present) and columns.subject is None:
            columns = columns.without([name], "may name what several rows come from, see groups")
            columns = replace(columns, subject=name)
        elif _BATCH.search(name):
            columns = columns.without([name], _OF_BATCHES)
        elif n_values == len(present) or n_values > _MOST_CATEGORIES:
            is_full = 2 * len(present) > len(values)
            if is_full and number_hint(name, present, decimal=table.decimal):
                columns = replace(columns, mistaken=True)
                continue
            columns = columns.without([name], f"is text with {n_values} different values")
        else:
            spread.append(name)
    below = section.get("below_limit", "error") != "error"
    if not spread or columns.categorical != "error" or (columns.mistaken and not below):
        return columns
    reason = f"one_hot: categories become 0/1 columns ({quoted(spread)})"
    return replace(columns, categorical="one_hot", reasons=(*columns.reasons, reason))


def _text_columns(table: Table) -> list[tuple[str, list[Any]]]:
    import pandas as pd

    frame = table.frame
    texts = [i for i, kind in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
    cells = [frame.iloc[:, i].astype(object) for i in texts]
    present = [column.where(column.notna(), None).tolist() for column in cells]
    return [(table.names[i], values) for i, values in zip(texts, present, strict=True)]


def _write(section: dict[str, Any], columns: Columns, dataset: Dataset, out: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", out.stem).strip("._-")[:100] or "experiment"
    lines = [
        f"# {describe(dataset)}",
        "# Written by vaega init from a look at the file; change what you know better. Then",
        f"#   vaega check {shlex.quote(out.name)}  says what is wrong, and how long it takes",
        f"#   vaega run {shlex.quote(out.name)}    runs it; what is finished is not run again",
        f"name: {_flow(name)}",
        "",
        "dataset:",
        *(f"  {key}: {_flow(value)}" for key, value in section.items()),
        *(f"  # {reason}" for reason in columns.reasons),
        *_hint_of_groups(section, columns, dataset),
        "",
        "# Learned on the fit rows of each fold alone.",
        "preprocess:",
        *_step_lines(suggest_steps(dataset.X)),
        "",
        *_protocol_lines(dataset),
        "",
        *_ARMS,
        "",
        *_fitness_lines(dataset),
        "",
        *_budget_lines(dataset),
    ]
    return "\n".join(lines) + "\n"


def describe(dataset: Dataset) -> str:
    """Return rows, columns and classes in one line."""
    counts = np.bincount(dataset.y, minlength=dataset.n_classes)
    named = [f"{name} {count}" for name, count in zip(dataset.class_names, counts, strict=True)]
    shown = named if len(named) <= 6 else [*named[:5], f"{len(named) - 5} more"]
    return (
        f"{dataset.name}: {dataset.n_rows} rows x {dataset.n_features} features; "
        f"{dataset.n_classes} classes: {', '.join(shown)}."
    )


def _flow(value: Any) -> str:
    """Write a value as it stands behind a key: in one line, quoted where YAML needs it."""
    written = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False
    )
    return written.removesuffix("\n").removesuffix("\n...").strip()


def _hint_of_groups(section: dict[str, Any], columns: Columns, dataset: Dataset) -> list[str]:
    if "groups" in section or dataset.X_test is not None:
        return []
    if columns.subject is not None:
        name = _flow(columns.subject)
        return [
            f"  # groups: {name}  # in place of ignoring it, where it has several rows of one:",
            "  # they then stay together, in training or in test",
        ]
    return ["  # groups: COLUMN  # where several rows come from one patient: they stay together"]


def _step_lines(steps: Sequence[SuggestedStep]) -> list[str]:
    written = [_flow(one.step) for one in steps]
    width = max(map(len, written))
    return [f"  - {text:{width}}  # {one.reason}" for text, one in zip(written, steps, strict=True)]


def _protocol_lines(dataset: Dataset) -> list[str]:
    if dataset.X_test is not None:
        outer, comment = "outer: official", "# The official test rows are read once, at the end."
    else:
        outer = "outer: holdout, test_size: 0.3"
        comment = "# 30 % of the rows, others for each seed, are read once, at the end."
    n_folds = _inner_folds(dataset)
    return [comment, f"protocol: {{kind: honest, {outer}, inner_folds: {n_folds}}}"]


def _inner_folds(dataset: Dataset) -> int:
    """Return how many inner folds the smallest class allows; its refusal where it allows none."""
    outer = "holdout" if dataset.X_test is None else "official"
    for n_folds in range(_FOLDS, 1, -1):
        section = ProtocolConfig.model_validate({"outer": outer, "inner_folds": n_folds})
        try:
            # Few groups may allow a number of folds with one seed and not with another.
            for seed in range(1 if dataset.groups is None else _SEEDS_TRIED):
                trial = next(iter(HonestProtocol(section).trials(dataset, seed)))
                check_classes(trial, dataset.pooled(), suggest_metric(dataset.y))
            return n_folds
        except InputError as error:
            refusal = error
    counts = np.bincount(dataset.y, minlength=dataset.n_classes)
    is_held_out = dataset.groups is None and dataset.X_test is None
    if is_held_out and counts.min() < _LEAST_ROWS:
        raise DataError(
            f"{OWNER}: class {dataset.class_names[int(counts.argmin())]!r} has "
            f"{counted(int(counts.min()), 'row')}; at least {_LEAST_ROWS} are needed, one to be "
            "held out and two to be searched on."
        ) from refusal
    raise refusal


_ARMS = (
    "# What is compared, on the same splits: the search, and two rivals that it should beat.",
    "arms:",
    "  vaega: {}",
    "  # A strong simple filter, with as many features as the search took.",
    "  svm_weights: {selector: {kind: linear_svm, size: vaega}}",
    "  # The same classifier, which is regularised, with every feature.",
    "  all_features: {selector: {kind: all}}",
)


def _fitness_lines(dataset: Dataset) -> list[str]:
    chance = 1.0 / dataset.n_classes
    return [
        f"# {chance:.2f} by chance, however common the classes are.",
        f"fitness: {{classifier: ridge, metric: {suggest_metric(dataset.y)}}}",
    ]


def _budget_lines(dataset: Dataset) -> list[str]:
    n_cells = dataset.n_rows * dataset.n_features
    seeds, of_permutation = next(rest for most, *rest in _BUDGETS if n_cells <= most)
    lines = [f"seeds: {seeds}  # runs of each arm, with splits of their own"]
    permuted = f"permutations: {{number: {_PERMUTATIONS}, seeds: {of_permutation or 1}}}"
    if of_permutation:
        return [*lines, "# The same with shuffled labels: what is found in chance.", permuted]
    note = "# With shuffled labels too, for p values; on a table of this size that takes long."
    return [*lines, note, f"# {permuted}"]
