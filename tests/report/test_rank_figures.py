"""Critical-difference diagrams: a line each arm, a bar each group."""

from tests.report.statistics.test_ranks import DEMSAR
from vaega.report._figures import draw_ranks
from vaega.report._statistics import rank_arms


def test_every_arm_and_group_is_drawn():
    found = rank_arms(DEMSAR)
    (ax,) = draw_ranks(found).axes
    said = [text.get_text() for text in ax.texts]
    assert all(any(str(arm) in text for text in said) for arm in found.ranks.index)
    thick = [line for line in ax.lines if line.get_linewidth() == 4.0]
    assert len(thick) == len(found.groups)


def test_arms_stand_at_their_ranks():
    found = rank_arms(DEMSAR)
    (ax,) = draw_ranks(found).axes
    places = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 3]
    assert places == found.ranks.tolist()
