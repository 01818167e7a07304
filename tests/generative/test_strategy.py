import numpy as np
import pytest
from imblearn.utils import check_sampling_strategy

from vaega.core.errors import InputError
from vaega.generative._samplers import resolve_strategy

THREE = np.repeat(["a", "b", "c"], [20, 5, 9])
TWO = np.repeat([0, 1], [20, 5])
TIED = np.repeat([0, 1, 2], [7, 7, 3])


@pytest.mark.parametrize("y", [THREE, TWO, TIED, TIED[::-1], np.repeat([2, 1, 0], [4, 4, 4])])
@pytest.mark.parametrize("name", ["auto", "not majority", "minority", "not minority", "all"])
def test_names_mean_what_imbalanced_learn_means(y, name):
    assert resolve_strategy(name, None, y) == check_sampling_strategy(name, y, "over-sampling")


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.77, 1.0, 1])
def test_ratios_mean_what_imbalanced_learn_means(ratio):
    for y in (TWO, 1 - TWO):
        expected = check_sampling_strategy(ratio, y, "over-sampling")
        assert resolve_strategy(ratio, None, y) == expected


@pytest.mark.parametrize(
    "strategy", [{"b": 8}, {"c": 9, "b": 6}, lambda y: {"a": 25, "b": int((y == "b").sum())}]
)
def test_mappings_and_callables_mean_what_imbalanced_learn_means(strategy):
    found = resolve_strategy(strategy, None, THREE)
    assert found == check_sampling_strategy(strategy, THREE, "over-sampling")
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("strategy", "y"),
    [
        ("majority", TWO),
        ("most", TWO),
        (["b"], THREE),
        (0.1, TWO),
        (0.5, THREE),
        (0.0, TWO),
        (1.5, TWO),
        ({"z": 8}, THREE),
        ({"b": 3}, THREE),
        ({"b": -1}, THREE),
        ("auto", np.zeros(5)),
    ],
)
def test_what_imbalanced_learn_refuses_is_one_sentence(strategy, y):
    with pytest.raises(ValueError, match=r".+"):
        check_sampling_strategy(strategy, y, "over-sampling")
    with pytest.raises(InputError, match=r"^GenerativeSampler: ") as caught:
        resolve_strategy(strategy, None, y)
    assert "\n" not in str(caught.value)


def test_n_per_class_overrides():
    assert resolve_strategy("auto", 4, THREE) == {"a": 4, "b": 4, "c": 4}
    assert resolve_strategy("auto", {"c": 2}, THREE) == {"c": 2}
    assert resolve_strategy("auto", 4, np.zeros(5)) == {0.0: 4}


@pytest.mark.parametrize("n", [-1, 1.5, True, "many", {"z": 1}, {"a": -1}])
def test_bad_n_per_class_is_one_sentence(n):
    with pytest.raises(InputError, match=r"^GenerativeSampler: n_per_class"):
        resolve_strategy("auto", n, THREE)
