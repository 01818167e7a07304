"""Dialects: which delimiter, which quotes, which lines are remarks, and what commas are."""

import pytest

from vaega.data.readers._dialects import (
    choose_dialect,
    meaning_of_commas,
    without_comments,
    without_separator_line,
)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a b\n1 2\n", " "),
        ("a   b\n1.5  2\n", " "),
        # commas inside names, inside numbers, inside both
        ("PC(16:0,18:1);TG(1,2,3);k\n1;2;x\n3;4;y\n", ";"),
        ("a;b;k\n1,5;2,5;x\n2,5;3,5;y\n", ";"),
        ("a,1;b,2;k\n1,5;2,5;x\n2,5;3,5;y\n", ";"),
        ("a, mM\tb\n1,5\t2,5\n", "\t"),
        # a delimiter inside quotes is none
        ('"a;b;c","d"\n1,2\n', ","),
        # one that splits all lines alike but less finely
        ("id;sub,g1,g2,k\np;1,2,3,x\np;2,4,5,y\n", ","),
        # R's header, one cell short
        ('"gA" "gB"\n"s1" 1 2\n"s2" 3 4\n', " "),
        ("gA;gB\ns1;1,5;2\ns2;3;4,5\n", ";"),
    ],
)
def test_the_delimiter_splits_all_lines_alike(text, delimiter):
    assert choose_dialect(text).delimiter == delimiter


def test_where_none_does_the_commonest_of_the_header_is_taken():
    assert choose_dialect("a;b;c\n1;2\n1\n").delimiter == ";"
    assert choose_dialect("a,x\tb,y,z\n1\n", tabbed=True).delimiter == "\t"
    assert choose_dialect("class\na\nb\n").delimiter == ","


def test_single_quotes_around_every_name_are_quotes():
    assert choose_dialect("'a','b'\n1,2\n").quote == "'"
    assert choose_dialect("a,b'\n1,2\n").quote == '"'


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [("sep=;", ";"), ("SEP=,", ","), ('"sep=|"', "|"), ("sep=\t", "\t"), (" sep=; ", ";")],
)
def test_the_line_of_excel_is_taken_off(line, delimiter):
    rest, found = without_separator_line(f"{line}\r\na;b\r\n")
    assert found == delimiter
    assert rest.strip() == "a;b"


def test_other_first_lines_stay():
    assert without_separator_line("sepal;b\n1;2\n") == ("sepal;b\n1;2\n", None)


@pytest.mark.parametrize(
    ("text", "rest", "n_comments"),
    [
        ("# by us\n# 2020, again\na,b\n1,2\n", "a,b\n1,2\n", 2),
        ("#a,b\n1,2\n", "a,b\n1,2\n", 0),
        ("## v1\n#a,b\n1,2\n", "a,b\n1,2\n", 1),
        ("a,b\n#1,2\n", "a,b\n#1,2\n", 0),
        ("#only\n#this\n", "#only\n#this\n", 0),
    ],
)
def test_comments_before_the_header_are_left_out(text, rest, n_comments):
    assert without_comments(text) == (rest, n_comments)


@pytest.mark.parametrize(
    ("cells", "delimiter", "meaning"),
    [
        (["1,5", "2"], ";", ","),
        (["1,234", "0,234"], ";", ","),
        (["1,234", "5,678"], ";", ","),  # nobody can tell; the file is a continental one
        (["1.234,5", "12"], ";", ","),
        (["1,234.5", "12"], ",", "thousands"),
        (["1,234", "2.5"], "\t", "thousands"),
        (["1,234", "5,678"], ",", "thousands"),
        (["1,5", "2,25"], ",", ","),  # in quotes
        (["1,5", "2.5"], ";", "."),  # both kinds
        (["1.5", "2"], ",", "."),
        (["a,b", "x"], ",", "."),
        (["2,3-diol", "1,2,3-x"], ";", "."),
        (["-0,5e-3", ",5"], "\t", ","),
    ],
)
def test_what_commas_are(cells, delimiter, meaning):
    assert meaning_of_commas(cells, delimiter) == meaning
