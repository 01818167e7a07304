"""No damage to a results folder is shown, and none is for good: what it held is computed again.

``make chaos DAMAGES=1000`` tries more damages than a test run has time for, ``SEED`` is the first
one; its counts are in ``results/benchmarks/trust.md``.
"""

import os
import shutil
from collections import Counter

import pytest
import yaml

from tests.contracts.damage import damage
from tests.contracts.test_shared_work import check_equal, table
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.experiments.store import Store
from vaega.report._results import read_results

DAMAGES, SEED = (
    int(os.environ.get(f"VAEGA_CHAOS_{name}", default))
    for name, default in (("DAMAGES", "12"), ("SEED", "0"))
)
CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"inner_folds": 2},
    "arms": {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 20}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
    "seeds": 2,
    "permutations": {"number": 1, "seeds": 1},
}
COUNTS: Counter[str] = Counter()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(folder, folder) == 0
    yield folder
    print(f"\n{DAMAGES} damages from seed {SEED}: {dict(COUNTS)}")


def run(whole, results):
    return main(["run", str(whole / "small.yaml"), "--results", str(results)])


def shown(folder):
    """Return what a report is made of, without times."""
    results = read_results(folder)
    timed = [name for name in results.summary if "seconds" in name]
    scores = ["arm", "seed", "status", "heldout_score", "inner_score", "n_features"]
    return (
        results.summary.drop(columns=timed).to_csv(),
        results.runs[scores].to_csv(),
        {arm: table.to_csv() for arm, table in results.histories.items()},
        {arm: table.to_csv() for arm, table in results.features.items()},
        {arm: [one.to_csv() for one in tables] for arm, tables in results.predictions.items()},
        {arm: record.votes().to_csv() for arm, record in results.finals.items()},
        results.config,
        results.generators,
    )


def is_part_of(some, whole):
    """Return whether a report shows nothing that the whole one does not."""
    known, rows = whole[1].splitlines(), some[1].splitlines()
    strip = [line.partition(",")[2] for line in known]
    return all(line.partition(",")[2] in strip for line in rows)


@pytest.mark.parametrize("seed", range(SEED, SEED + DAMAGES))
def test_damage_is_not_shown_and_not_for_good(whole, tmp_path, capsys, seed):
    folder = tmp_path / "small"
    shutil.copytree(whole / "small", folder)
    what = damage(folder, seed)
    expected = shown(whole / "small")
    try:
        found = shown(folder)
    except ResultsError:
        COUNTS["refused till the next run"] += 1
    else:
        COUNTS["shown as it was" if found == expected else "shown without the run"] += 1
        assert found == expected or is_part_of(found, expected), what
    capsys.readouterr()
    code = run(whole, tmp_path)
    error = capsys.readouterr().err
    assert "unexpected" not in error, (what, error)
    assert code == 0, (what, error)
    check_equal(folder, whole / "small")
    assert shown(folder) == expected, what
    assert len(Store(folder).done()) == 4
    assert table(folder / "null.csv") == table(whole / "small" / "null.csv")
    COUNTS["equal after the next run"] += 1
