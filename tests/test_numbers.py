"""Numbers and tables of the pages are those of the files that they name."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("write_numbers", ROOT / "docs/write_numbers.py")
numbers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(numbers)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", numbers.pages(), ids=name_of)
def test_a_page_has_the_numbers_of_the_files(page):
    text = page.read_text(encoding="utf-8")
    assert numbers.rewritten(text) == text, "write them anew: python docs/write_numbers.py"


def test_every_figure_of_the_thesis_page_has_a_source():
    text = (ROOT / "docs/thesis.md").read_text(encoding="utf-8")
    text = numbers.TABLE.sub("", numbers.NUMBER.sub("", text))
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert not re.findall(r"\d\.\d{2,}", text)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text(
        "group,arm,mean,low,high,n\nm,original,0.7391,0.7,0.778,10\nm,smote,0.726,,,4\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("a.csv; group=m, arm=smote; {mean:.3f} (n {n:.0f})", "0.726 (n 4)"),
        ("a.csv; arm=original; {mean:.2f} [{low:.3f}, {high:.3f}]", "0.74 [0.700, 0.778]"),
        ("a.csv; arm=smote; {mean:.3f} [{low:.3f}, {high:.3f}]", "0.726"),
        ("a.csv; arm=smote; {low:.3f}", "–"),
    ],
)
def test_a_number(query, shown, folder):
    assert numbers.rewritten(f"a <!--= {query} -->old<!--/--> z", folder) == (
        f"a <!--= {query} -->{shown}<!--/--> z"
    )


def test_a_number_of_a_table_that_a_benchmark_wrote(tmp_path):
    (tmp_path / "b.md").write_text(
        "# All\n\n| way | n |\n|---|---|\n| a | 1 |\n\n## Some\n\nwords\n\n"
        "| way | mean rank | lead |\n|---|---|---|\n| a, 50 | 7.3 |  |\n| b | 11 | +0.1 ± 0.2 |\n"
    )
    text = "<!--= {} -->x<!--/-->".format
    shown = text("b.md#Some; way=a, 50; {mean rank:.2f}"), text("b.md#Some; way=b; {lead}")
    assert [numbers.NUMBER.search(numbers.rewritten(one, tmp_path))[2] for one in shown] == [
        "7.30", "+0.1 ± 0.2",
    ]  # fmt: skip
    assert ">1<" in numbers.rewritten(text("b.md; way=a; {n}"), tmp_path)


def test_a_table(folder):
    query = "a.csv; arm=smote|original; arm; accuracy = {mean:.3f}"
    text = numbers.rewritten(f"<!-- table {query} -->\nold\n<!-- /table -->\n", folder)
    assert text.splitlines()[1:-1] == [
        "| arm | accuracy |", "| --- | ---: |", "| original | 0.739 |", "| smote | 0.726 |",
    ]  # fmt: skip


def test_a_cross_table(folder):
    query = "a.csv; ; rows by group; columns by arm; {mean:.3f}"
    text = numbers.rewritten(f"<!-- table {query} -->\n<!-- /table -->\n", folder)
    assert text.splitlines()[1:-1] == [
        "| group | original | smote |", "| --- | ---: | ---: |", "| m | 0.739 | 0.726 |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("a.csv; group=m; {mean}", "must mean one row, got 2"),
        ("a.csv; group=x; {mean}", "must mean one row, got 0"),
        ("a.csv; grp=m; {mean}", "grp"),
        ("b.csv; ; {mean}", "b.csv"),
    ],
)
def test_a_source_that_is_not_there(query, sentence, folder):
    with pytest.raises(ValueError, match=sentence):
        numbers.rewritten(f"<!--= {query} -->1<!--/-->", folder)
