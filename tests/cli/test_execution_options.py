"""Options that say with what runs are computed: bad ones are one sentence, before anything runs."""

import pytest

from vaega.cli import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jobs", "0"], "--jobs: must be a whole number other than 0, got 0."),
        (["--jobs", "two"], "'two' is not a valid integer"),
        (["--parallel", "both"], "'both' is not one of 'auto', 'runs', 'fitness'"),
        (["--backend", "spark"], "'spark' is not one of 'processes', 'dask'"),
        (["--scheduler", "tcp://x:8786"], "--scheduler: needs --backend dask"),
        (["--max-hours", "0"], "--max-hours: must be a positive number, got 0.0."),
        (["--max-hours", "nan"], "--max-hours: must be a positive number, got nan."),
        (["--max-seconds", "-3"], "--max-seconds: must be a positive number, got -3.0."),
        (["--max-seconds", "inf"], "--max-seconds: must be a positive number, got inf."),
        (["--max-seconds", "soon"], "'soon' is not a valid float"),
        (["--max-evaluations", "0"], "--max-evaluations: must be a positive number, got 0."),
        (["--max-evaluations", "1.5"], "'1.5' is not a valid integer"),
        (["--max-hours", "1", "--max-seconds", "1"], "--max-hours: cannot stand beside"),
    ],
)
@pytest.mark.parametrize("command", ["run", "resume"])
def test_bad_means(tmp_path, capsys, command, arguments, words):
    assert main([command, str(tmp_path / "nothing"), *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("vaega: ")
    assert error.count("\n") == 1
