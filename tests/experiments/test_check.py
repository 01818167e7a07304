"""The check of a file: every fault at once, and no data from the network."""

import pandas as pd
import pytest
import yaml

from vaega.experiments.check import check_file

CONTENT = {
    "name": "checked",
    "dataset": {"source": "cohort.csv", "target": "response"},
    "preprocess": ["standardize"],
    "protocol": {"final": False},
    "arms": {"original": {}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"n_searches": 1, "n_generations": 2, "population_size": 4},
    "seeds": 2,
}


@pytest.fixture
def folder(tmp_path):
    frame = pd.DataFrame({"a": range(40), "b": [i * i % 7 for i in range(40)]})
    frame.assign(response=["x", "y"] * 20).to_csv(tmp_path / "cohort.csv", index=False)
    return tmp_path


def checked(folder, overrides=(), **changes):
    path = folder / "checked.yaml"
    path.write_text(yaml.safe_dump({**CONTENT, **changes}))
    return check_file(path, overrides)


def test_a_valid_file_has_data_and_work(folder):
    found = checked(folder)
    assert found.faults == []
    assert found.dataset.n_rows == 40
    lines = found.sentences
    assert lines[0].endswith("checked.yaml: valid, 1 arms x 2 seeds on cohort.csv")
    assert "40 rows x 2 features; x 20, y 20; no missing values" in lines[1]
    assert any(
        "2 runs of 1 search x 2 generations x 4 masks: at most 16 masks" in line for line in lines
    )
    assert found.record()["work"]["masks"] == 16
    (note,) = [line for line in lines if line.startswith("  note")]
    assert "'a' numbers the rows (0 to 39)" in note
    assert "ignore: [a]" in note


def test_faults_of_the_file_and_of_the_data_come_together(folder):
    found = checked(folder, ["dataset.target=respons"], seeds=0, sedes=1)
    assert len(found.faults) == 3
    assert all(str(folder / "checked.yaml") in sentence for sentence in found.faults)
    assert "did you mean 'response'?" in found.faults[-1]
    assert found.workload is None


def test_a_section_that_is_none_hides_no_other_fault(folder):
    found = checked(folder, dataset="cohort.csv", seeds=0)
    assert len(found.faults) == 2


def test_an_absent_file(folder):
    found = checked(folder, dataset={"source": "absent.csv", "target": "response"})
    assert len(found.faults) == 1
    assert "absent.csv: no such file" in found.faults[0]


def test_data_on_openml_are_not_fetched(folder, monkeypatch):
    def fetch(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("vaega.data._sources.load_openml", fetch)
    monkeypatch.setenv("VAEGA_DATA", str(folder))
    for source in ("openml:61", "madelon"):
        found = checked(folder, dataset={"source": source})
        assert found.faults == []
        assert "comes from OpenML and is not opened here" in found.sentences[-1]


def test_without_the_data(folder):
    path = folder / "checked.yaml"
    path.write_text(yaml.safe_dump({**CONTENT, "dataset": {"source": "absent.csv"}}))
    found = check_file(path, open_data=False)
    assert found.faults == []
    assert len(found.sentences) == 1


def test_many_repeats_are_not_all_made(folder):
    protocol = {"outer": "kfold", "n_splits": 2, "n_repeats": 10**4}
    assert checked(folder, protocol=protocol).faults == []
