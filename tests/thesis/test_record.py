import pandas as pd
from matplotlib.figure import Figure

from vaega.thesis.published import Picture, ThesisTable


def test_records_hold_rows_and_notes():
    rows = pd.DataFrame({"mean": [0.5]})
    assert ThesisTable("4", "Title", rows, ("note",)).notes == ("note",)
    picture = Picture("4.7", "Title", rows, lambda _: Figure())
    assert isinstance(picture.draw(picture.rows), Figure)
