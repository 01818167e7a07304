import numpy as np

from vaega.fitness._racing import ResampledFitness

MASKS = np.array([[True, False, False], [True, True, False], [False, False, True]])


def by_call(call):
    return lambda masks: call + masks.sum(axis=1) / 10


def test_all_masks_of_a_call_meet_the_same_folds():
    calls = []
    resampled = ResampledFitness(lambda call: calls.append(call) or by_call(call))
    resampled(MASKS)
    resampled(MASKS[:1])
    assert calls == [0, 1]


def test_a_mask_that_comes_again_has_the_mean_of_its_scores():
    resampled = ResampledFitness(by_call)
    np.testing.assert_allclose(resampled(MASKS), [0.1, 0.2, 0.1])
    np.testing.assert_allclose(resampled(MASKS[:2]), [0.6, 0.7])
    np.testing.assert_allclose(resampled(MASKS), [(0 + 1 + 2) / 3 + 0.1, 1.2, 1.1])


def test_a_mask_asked_twice_in_a_call_counts_once():
    resampled = ResampledFitness(by_call)
    np.testing.assert_allclose(resampled(MASKS[[0, 0]]), [0.1, 0.1])
    np.testing.assert_allclose(resampled(MASKS[:1]), [0.6])
    assert resampled.n_distinct == 1


def test_it_goes_on_from_what_was_saved():
    whole, part, resumed = (ResampledFitness(by_call) for _ in range(3))
    whole(MASKS)
    part(MASKS)
    resumed.restore(part.to_arrays())
    np.testing.assert_array_equal(resumed(MASKS[1:]), whole(MASKS[1:]))
    for one, other in zip(resumed.recall(3), whole.recall(3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.n_calls == 2


def test_nothing_asked_is_nothing_remembered():
    empty = ResampledFitness(by_call)
    other = ResampledFitness(by_call)
    other.restore(empty.to_arrays())
    assert other.n_distinct == other.n_calls == 0
