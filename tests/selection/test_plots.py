import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector
from vaega.core.errors import InputError
from vaega.selection._plots import frequent_features

SMALL = {"population_size": 10, "n_generations": 3, "random_state": 0}


@pytest.fixture(params=[1, 3], ids=["one search", "a vote"])
def selector(request, two_clouds):
    return GeneticSelector(GaussianNB(), n_searches=request.param, **SMALL).fit(*two_clouds)


@pytest.mark.parametrize("kind", ["history", "frequencies", "front"])
def test_each_figure_is_drawn_and_labelled(selector, kind):
    ax = selector.plot(kind)
    assert ax.get_xlabel()
    ax.figure.canvas.draw()


def test_sizes_belong_to_a_vote(selector):
    if selector.n_searches_ > 1:
        assert selector.plot("sizes").get_xscale() == "log"
    else:
        with pytest.raises(InputError, match="kind must be one of history, frequencies, front"):
            selector.plot("sizes")


def test_it_is_drawn_where_one_wants_it(selector):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert selector.plot("front", ax=ax) is ax


def test_a_figure_of_its_own_is_as_wide_as_a_journals_column(selector):
    figure = selector.plot("front").figure
    assert figure.get_figwidth() * 25.4 == pytest.approx(85)
    assert figure.dpi == 300


def test_generations_are_whole_numbers(selector):
    ticks = selector.plot("history").get_xticks()
    assert (ticks == np.round(ticks)).all()


@pytest.mark.parametrize("kind", ["history", "front"])
def test_the_legend_is_above_the_drawing(selector, kind):
    ax = selector.plot(kind)
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1


def test_colours_of_bars_are_explained(selector):
    ax = selector.plot("frequencies")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    colours = {bar.get_facecolor() for bar in ax.patches}
    assert texts[0] == "selected"
    assert ("voted for, not selected" in texts) == (len(colours) > 1)


def test_a_figure_that_does_not_exist(selector):
    with pytest.raises(InputError, match="kind must be one of"):
        selector.plot("map")


def test_the_most_frequent_features_come_first():
    table = frequent_features(
        np.array([0.1, 0.0, 0.8]), np.array([False, False, True]), ["a", "b", "c"]
    )
    assert table["name"].tolist() == ["c", "a"]
    assert table["selected"].tolist() == [True, False]


def test_features_selected_without_a_vote_are_drawn():
    votes, support = np.array([0.1, 0.0, 0.8, 0.0]), np.array([False, True, True, False])
    table = frequent_features(votes, support, ["a", "b", "c", "d"])
    assert table["name"].tolist() == ["c", "a", "b"]
    assert table["selected"].tolist() == [True, False, True]
