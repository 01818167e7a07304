import pandas as pd

from vaega.core.files import write_json
from vaega.experiments.worker import describe_environment
from vaega.thesis.published import describe_runs

RUNS = pd.DataFrame({"seed": [3, 0], "seconds": [1.0, 0.4]})


def test_versions_come_from_the_first_run_that_has_them(tmp_path):
    write_json(tmp_path / "b/environment.json", describe_environment("cpu"))
    text = describe_runs(RUNS, [tmp_path / "a", tmp_path / "b"])
    assert text.startswith("2 runs, seeds 0 to 3, 1 s in all; vaega ")
    assert "scikit-learn" in text


def test_without_versions(tmp_path):
    assert describe_runs(RUNS, [tmp_path]) == "2 runs, seeds 0 to 3, 1 s in all."
