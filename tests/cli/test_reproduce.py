"""``vaega reproduce thesis``: what it prints, what it writes, what it refuses."""

import pandas as pd
import pytest

from tests.thesis.conftest import smoke, smoke_out, tiny_data  # noqa: F401
from vaega.cli import main


def reproduce(out, *arguments):
    return main(["reproduce", "thesis", "--scale", "smoke", "--out", str(out), *arguments])


def test_a_table_of_leukemia(smoke, capsys):  # noqa: F811
    out = smoke.out
    assert reproduce(out, "--table", "4", "--dataset", "leukemia", "--protocol", "as-run") == 0
    text = capsys.readouterr().out
    assert "| leukemia | leukemia | as-run | original | accuracy |" in text
    assert "- Protocol as-run: fitness is computed on the test rows and 30 %" in text
    command = (
        "vaega reproduce thesis --table=4 --dataset=leukemia --protocol=as-run --scale=smoke "
        f"--out={out}"
    )
    assert f"Command: `{command}`" in text
    assert (out / "tables/table_4.md").read_text() == text.removesuffix("\n")
    assert set(pd.read_csv(out / "tables/table_4.csv")["dataset"]) == {"leukemia"}


def test_a_figure(smoke, capsys):  # noqa: F811
    assert reproduce(smoke.out, "--figure", "4.7", "--protocol", "as-run") == 0
    assert "Protocol as-run: fitness is computed on" in capsys.readouterr().out
    assert (smoke.out / "figures/figure_4.7.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--table", "9.9"], "--table must be one of"),
        (["--figure", "1.1"], "--figure must be one of"),
        (["--dataset", "iris"], "--dataset must be one of"),
        (["--protocol", "fair"], "--protocol must be one of"),
        (["--table", "4", "--jobs", "0"], "--jobs: must be a whole number other than 0"),
    ],
)
def test_what_is_refused(arguments, sentence, tmp_path, capsys):
    assert reproduce(tmp_path, *arguments) == 2
    assert sentence in capsys.readouterr().err
