"""Tables of chapter 4: last populations, networks, sizes, and what the thesis has no table of."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.files import read_json
from vaega.generative.presets import find_preset
from vaega.selection.stability import nogueira_interval
from vaega.thesis.comparison import (
    MEASURES,
    compare_group,
    compare_samples,
    generator_errors,
    quartile_range,
)
from vaega.thesis.group_runs import GroupRuns, complete_groups
from vaega.thesis.groups import GROUPS, find_group
from vaega.thesis.published import GCM_EXPERIMENTS, GISETTE_SIZES, NETWORKS, published_groups
from vaega.thesis.record import Table
from vaega.thesis.request import Request

_PRESETS = {"all-leukemia": "thesis_all"}
_HONEST = (
    "Under honest, accuracy and features are those of the final mask on test rows read once; under "
    "the others, means of the last population on the rows of the fitness, as the thesis has them."
)
_ERRORS = (
    "standard errors: difference of the means divided by its standard error, over runs. All runs "
    "of a published augmented group share one trained generator, runs here have one each: "
    "generator errors divide by a standard error that knows of it."
)


def by_group(name: str, request: Request) -> Table:
    """Make the table of all groups: accuracy and features, published and reproduced."""
    runs = complete_groups(request)
    rows = [
        {**whose, "measure": measure, **_compared(found, whose, measure)}
        for whose, found in _by_arm(runs)
        for measure in (*MEASURES, "all_features_accuracy")
        if found[measure].notna().any()
    ]
    title = "Groups of runs: accuracy and number of features, published and reproduced"
    return Table(name, title, pd.DataFrame(rows), (*runs.notes, _HONEST, _ERRORS))


def final_populations(name: str, request: Request) -> Table:
    """Make table 4: each dataset's runs of all sizes together, as chapter 4 sums them up."""
    runs = complete_groups(request)
    rows = []
    keys = ["dataset", "data", "protocol", "arm"]
    for key, found in runs.table.groupby(keys, sort=False):
        whose = dict(zip(keys, key, strict=True))
        groups = [
            one
            for group in found["group"].unique()
            for one in _published(str(group), str(whose["arm"]))
        ]
        for measure in MEASURES:
            compared = compare_group(found, groups, measure)
            iqr = quartile_range(found[measure].tolist())
            rows.append({**whose, "measure": measure, **compared, "iqr": iqr})
    title = "Last populations of chapter 4, all sizes of masks together"
    return Table(name, title, pd.DataFrame(rows), (*runs.notes, _HONEST, _ERRORS))


def networks(name: str, request: Request) -> Table:
    """Make table 4.1: the networks, published and as presets."""
    rows = []
    for network in NETWORKS:
        if not request.wants(network["dataset"]):
            continue
        preset = find_preset(
            _PRESETS.get(network["dataset"], f"thesis_{network['dataset']}"), owner="table 4.1"
        )
        ours = {
            "layer_1": preset["hidden"][0],
            "layer_2": preset["hidden"][1],
            "latent": preset["latent"],
            "learning_rate": preset["learning_rate"],
            "max_epochs": preset["max_epochs"],
        }
        same = all(network[key] == value for key, value in ours.items())
        rows.append({**network, **{f"preset_{key}": v for key, v in ours.items()}, "same": same})
    return Table(name, "Networks, published and as presets", pd.DataFrame(rows), decimals=8)


def gisette_sizes(name: str, request: Request) -> Table:
    """Make table 4.2: selected features of Gisette."""
    runs = complete_groups(request, [find_group("gisette")])
    rows = []
    for whose, found in _by_arm(runs):
        sizes = found["n_features"].tolist()
        compared = compare_samples([], sizes)
        theirs = GISETTE_SIZES.get(str(whose["arm"]), {})
        rows.append(
            {
                **whose,
                **{f"published_{key}": value for key, value in theirs.items()},
                **{key: compared[key] for key in ("mean", "sd", "n", "low", "high")},
                "iqr": quartile_range(sizes),
            }
        )
    return Table(name, "Selected features of Gisette", pd.DataFrame(rows), runs.notes)


def gcm_rows(name: str, request: Request) -> Table:
    """Make table 4.3: experiments on GCM by number of training rows."""
    rows: list[dict[str, Any]] = [
        {"source": "published", "training_rows": n_rows, "experiments": count}
        for n_rows, count in GCM_EXPERIMENTS.items()
    ]
    groups = [group for group in GROUPS if group.dataset == "gcm"]
    runs = complete_groups(request, groups)
    for (group, protocol, arm), places in runs.folders.items():
        config = read_json(places[0] / "config.json")
        added = config["arm"].get("amount") or 0
        rows.append(
            {
                "source": f"{group}, {protocol}, {arm}",
                "synthetic_rows": added,
                "experiments": len(places),
            }
        )
    return Table(name, "Runs on GCM by number of training rows", pd.DataFrame(rows), runs.notes)


def stability(name: str, request: Request) -> Table:
    """Make the table of the selections' stability over runs."""
    runs = complete_groups(request)
    rows = []
    for (group, protocol, arm), places in runs.folders.items():
        names = [
            pd.read_csv(place / "selected.csv", dtype={"name": str})["name"] for place in places
        ]
        counts = pd.concat(names).value_counts() if names else pd.Series(dtype=int)
        row: dict[str, Any] = {"group": group, "protocol": protocol, "arm": arm, "n": len(places)}
        row |= {"ever_selected": len(counts), "by_half": int((counts >= len(places) / 2).sum())}
        rows.append(row | _nogueira(names, runs.n_all[group]))
    title = "Stability of the selection over runs (Nogueira), and features selected at all"
    return Table(name, title, pd.DataFrame(rows), runs.notes)


def frequencies(name: str, request: Request) -> Table:
    """Make the table of the features that runs select most often."""
    runs = complete_groups(request)
    tables = []
    for (group, protocol, arm), places in runs.folders.items():
        found = [pd.read_csv(place / "selected.csv", dtype={"name": str}) for place in places]
        table = pd.concat(found).groupby("name")["frequency"].agg(["size", "mean"])
        table = table.sort_values(["size", "mean"], ascending=False, kind="stable").head(10)
        table["share_of_runs"] = table.pop("size") / len(places)
        table = table.rename(columns={"mean": "frequency_there"}).reset_index()
        tables.append(table.assign(group=group, protocol=protocol, arm=arm))
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    first = [column for column in ("group", "protocol", "arm") if column in rows]
    rows = rows[[*first, *rows.columns.drop(first)]]
    return Table(name, "Features selected most often", rows, runs.notes)


def _by_arm(runs: GroupRuns) -> Iterable[tuple[dict[str, Any], pd.DataFrame]]:
    keys = ["group", "dataset", "data", "size", "protocol", "arm"]
    for key, found in runs.table.groupby(keys, sort=False):
        yield dict(zip(keys, key, strict=True)), found


def _published(group: str, arm: str) -> tuple[str, ...]:
    return find_group(group).published(arm)


def _compared(runs: pd.DataFrame, whose: dict[str, Any], measure: str) -> dict[str, float]:
    groups = _published(whose["group"], whose["arm"])
    if measure in MEASURES:
        compared = compare_group(runs, groups, measure)
        shared = groups and whose["arm"] == "augmented" and whose["protocol"] == "as-run"
        own = generator_errors(compared) if shared else float("nan")
        return compared | {"generator_errors": own}
    # Published once a group: every run of it starts from the same rows.
    table = published_groups().set_index("experiment_group")
    theirs = table.loc[list(groups), measure].astype(float).tolist()
    compared = compare_samples(theirs, runs[measure].dropna().tolist())
    return compared | {"generator_errors": float("nan")}


def _nogueira(names: list[pd.Series], n_all: int) -> dict[str, float]:
    ever = sorted(set().union(*names))
    masks = np.zeros((len(names), n_all), dtype=bool)
    masks[:, : len(ever)] = [np.isin(ever, list(one)) for one in names]
    if len(masks) < 2 or not 0 < masks.sum() < masks.size:
        return {"nogueira": float("nan"), "low": float("nan"), "high": float("nan")}
    found = nogueira_interval(masks)
    return {"nogueira": found.value, "low": found.low, "high": found.high}
