"""Original against augmented, run by run: what augmentation is worth on the same splits."""

import pandas as pd

from vaega.analysis.statistics.arms import compare_arms, comparison_table
from vaega.experiments.reading import read_config
from vaega.thesis.group_runs import complete_groups
from vaega.thesis.groups import find_group
from vaega.thesis.record import Table
from vaega.thesis.request import Request

_WHAT = (
    "augmented: decoder means of the thesis's network, as the thesis made rows; calibrated: the "
    "same network with the decoder's noise; smote: as many rows of SMOTE."
)
_HOW = (
    "difference: mean of the arm less that of original over the same seeds, with its interval. "
    "Wilcoxon's signed ranks on an official test part, whose rows are the same in all runs; the "
    "corrected resampled t-test where splits share rows. p-values are adjusted by Holm within "
    "group, protocol and measure."
)


def paired_differences(name: str, request: Request) -> Table:
    """Make the table of paired differences between arms and original."""
    runs = complete_groups(request)
    tables = [
        _of_group(str(group), str(protocol), found, measure)
        for (group, protocol), found in runs.table.groupby(["group", "protocol"], sort=False)
        for measure in ("accuracy", "n_features")
        if found["arm"].nunique() > 1
    ]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    title = "Arms against original, in pairs over the same seeds"
    return Table(name, title, rows, (*runs.notes, _WHAT, _HOW))


def _of_group(group: str, protocol: str, runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    arms = list(runs["arm"].unique())
    scores = runs.pivot(index="seed", columns="arm", values=measure)[arms]
    share = _test_share(group)
    table = comparison_table(compare_arms(scores, against="original", test_share=share))
    table = table.rename(columns={"first": "arm"}).drop(columns=["second", "p_value"])
    whose = {"group": group, "protocol": protocol, "measure": measure}
    return pd.concat([pd.DataFrame([whose] * len(table)), table], axis=1)


def _test_share(group: str) -> float | None:
    protocol = read_config(find_group(group).file()).protocol
    if protocol.outer == "official":
        return None
    return protocol.test_size / (1.0 - protocol.test_size)
