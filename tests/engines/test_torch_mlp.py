"""Networks of a device are those of the kernels, and of scikit-learn; devices and their memory."""

import gc
import warnings
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from tests.engines.test_mlp import SETTINGS, rows_of
from vaega.core.errors import InputError
from vaega.core.threads import one_thread
from vaega.data._splits import Fold
from vaega.engines import _mlp, _torch_mlp
from vaega.engines._mlp import IDENTITY, LOGISTIC, RELU, TANH, settings_of
from vaega.engines._torch_mlp import (
    OUT_OF_MEMORY,
    Layers,
    Progress,
    Repetition,
    Samples,
    Training,
    budget_of,
    fit_networks,
    losses_and_deltas,
    pass_backward,
    pass_forward,
    predict,
    probabilities,
    rows_by_column,
    selected_columns,
    table_of,
    train,
    work_in_chunks,
)

CPU = torch.device("cpu")


def split_rows(X, y):
    """Return a fold of two thirds of the rows, and one of them to validate."""
    held_out = np.arange(len(y)) % 3 == 0
    return Fold(X[~held_out], y[~held_out], X[held_out], y[held_out], np.arange(X.shape[1]), len(y))


def masks_of_fold(fold, n_masks, rng):
    """Masks of one column to all of them; each has a column that varies."""
    n_columns = fold.X_fit.shape[1]
    shares = rng.uniform(0.1, 0.7, size=n_masks)
    masks = rng.random((n_masks, n_columns)) < shares[:, None]
    masks[np.arange(n_masks), rng.choice(np.flatnonzero(fold.X_fit.std(axis=0) > 0), n_masks)] = 1
    return masks


def assert_agreement(predict, classifier, fold, masks, *, seeds=None, equal=0.99, certain=0.95):
    """Predictions are those of the kernels for nearly all masks, and scores on average."""
    ours = predict(classifier, fold, masks, seeds=seeds, device=CPU)
    theirs = _mlp.predict(classifier, fold, masks, seeds=seeds)
    both = ours.certain & theirs.certain
    assert theirs.certain.any()
    assert ours.certain[theirs.certain].mean() >= certain
    same = (ours.codes == theirs.codes)[both]
    assert same.all(axis=1).mean() >= equal
    classes = np.unique(fold.y_fit)
    scores = [
        (classes[each.codes[both]] == fold.y_validate).mean(axis=1) for each in (ours, theirs)
    ]
    assert np.abs(scores[0] - scores[1]).mean() < 1e-3


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


FEW = ["thesis", "batches", "held out", "adaptive", "slower"]


def networks(classifier, fold, masks, seeds, dtype=torch.float64):
    return fit_networks(classifier, table_of(fold, CPU, dtype), masks, seeds)[1]


def fitted(classifier, fold, mask, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = MLPClassifier(**{**classifier.get_params(), "random_state": int(seed)})
        weight = {} if fold.weight_fit is None else {"sample_weight": fold.weight_fit}
        return own.fit(fold.X_fit[:, mask], fold.y_fit, **weight)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
def test_losses_are_scikit_learns_in_float64(name, setting, rng):
    X, y = rows_of(name, 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 3, rng), np.array([3, 4, 5])
    classifier = MLPClassifier(max_iter=40, **SETTINGS[setting])
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    np.testing.assert_array_equal(ours.n_epochs, [each.n_iter_ for each in theirs])
    np.testing.assert_allclose(ours.losses, [each.loss_curve_[-1] for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("setting", ["thesis", "descent", "held out"])
def test_weights_of_rows(setting, rng):
    X, y = rows_of("wine", 60)
    weights = rng.random(len(y)) + 0.1
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y), weights)
    masks, seeds = masks_of_fold(fold, 3, rng), np.arange(3)
    classifier = MLPClassifier(max_iter=30, **SETTINGS[setting])
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    np.testing.assert_allclose(ours.losses, [each.loss_curve_[-1] for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "digits"])
@pytest.mark.parametrize("setting", FEW)
def test_predictions_are_the_compiled_engines(name, setting, rng):
    X, y = rows_of(name, 150)
    fold, seeds = split_rows(X, y), np.arange(24)
    classifier = MLPClassifier(max_iter=60, n_iter_no_change=3, **SETTINGS[setting])
    assert_agreement(predict, classifier, fold, masks_of_fold(fold, 24, rng), seeds=seeds)


def test_networks_that_stop_at_very_different_times(rng, monkeypatch):
    """Stopped networks stay as they are, and the others go on without them."""
    monkeypatch.setattr(_torch_mlp, "_PERIOD", 5)
    X, y = rows_of("wine", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 16, rng), np.arange(16)
    classifier = MLPClassifier((5,), max_iter=400, tol=3e-3, n_iter_no_change=2, batch_size=16)
    ours = networks(classifier, fold, masks, seeds)
    theirs = [fitted(classifier, fold, *each) for each in zip(masks, seeds, strict=True)]
    assert len(set(ours.n_epochs)) > 6
    assert ours.converged.all()
    np.testing.assert_array_equal(ours.n_epochs, [each.n_iter_ for each in theirs])
    np.testing.assert_allclose(ours.losses, [each.loss_ for each in theirs], rtol=1e-9)


@pytest.mark.parametrize("setting", ["thesis", "held out"])
def test_chunks_and_other_masks_change_next_to_nothing(setting, rng, monkeypatch):
    X, y = rows_of("breast_cancer", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 12, rng), np.arange(12)
    classifier = MLPClassifier(max_iter=30, **SETTINGS[setting])
    together = networks(classifier, fold, masks, seeds, torch.float32)
    for row in range(12):
        alone = networks(classifier, fold, masks[[row]], seeds[[row]], torch.float32)
        np.testing.assert_allclose(alone.losses, together.losses[[row]], rtol=1e-5)
    whole = predictions(classifier, fold, masks, seeds)
    monkeypatch.setattr(_torch_mlp, "_ON_CPU", 100_000)
    parts = predictions(classifier, fold, masks, seeds)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-4)


def predictions(classifier, fold, masks, seeds, response_method="predict_proba"):
    return predict(
        classifier, fold, masks, response_method=response_method, seeds=seeds, device=CPU
    )


def test_a_device_without_memory_for_all_masks_takes_fewer(rng, monkeypatch):
    X, y = rows_of("wine", 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 9, rng), np.arange(9)
    classifier, sizes = MLPClassifier((3,), max_iter=9), []
    whole = predictions(classifier, fold, masks, seeds)

    def limited(own, streams):
        sizes.append(len(streams))
        if len(streams) > 3:
            raise OUT_OF_MEMORY("CUDA out of memory.")
        return train(own, streams)

    monkeypatch.setattr("vaega.engines._torch_mlp.train", limited)
    parts = predictions(classifier, fold, masks, seeds)
    assert sizes == [9, 4, 2, 2, 2, 2, 1]
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-5)


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_what_is_asked_for(name, rng):
    X, y = rows_of(name, 60)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 3, rng), np.arange(3)
    classifier = MLPClassifier((3,), max_iter=20)
    shares = predictions(classifier, fold, masks, seeds).values
    assert shares.shape == (3, len(y), len(np.unique(y)))
    assert predictions(classifier, fold, masks, seeds, "predict").values is None
    if name == "breast_cancer":
        ranking = predictions(classifier, fold, masks, seeds, "decision_function").values
        np.testing.assert_array_equal(ranking, shares[:, :, 1])


def test_warnings_are_the_compiled_engines(rng):
    X, y = rows_of("wine", 40)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks, seeds = masks_of_fold(fold, 8, rng), np.arange(8)
    classifier = MLPClassifier((3,), batch_size=500, max_iter=30, tol=2e-2, n_iter_no_change=1)
    ours = predictions(classifier, fold, masks, seeds).warnings
    theirs = _mlp.predict(classifier, fold, masks, seeds=seeds).warnings
    assert ours.keys() == theirs.keys()
    for text, warned in ours.items():
        np.testing.assert_array_equal(warned, theirs[text])


def test_what_scikit_learn_has_to_say_itself(rng):
    X, y = rng.normal(size=(12, 4)), np.repeat([0, 1], 6)
    masks, seeds = np.ones((2, 4), dtype=bool), np.arange(2)
    fold = Fold(X, y, X, y, np.arange(4), 12)
    one_class = Fold(X, np.zeros(12), X, y, np.arange(4), 12)
    unknown = Fold(np.where(np.arange(4) == 2, np.nan, X), y, X, y, np.arange(4), 12)
    few = MLPClassifier(early_stopping=True, validation_fraction=0.05)
    short = MLPClassifier((2,), max_iter=3)
    masks[1, 2] = False
    assert not predictions(few, fold, masks, seeds).certain.any()
    assert not predictions(short, one_class, masks, seeds).certain.any()
    np.testing.assert_array_equal(predictions(short, unknown, masks, seeds).certain, [False, True])


def test_a_seed_of_the_user_is_every_networks_seed(rng):
    X, y = rows_of("wine", 40)
    fold = Fold(X, y, X, y, np.arange(X.shape[1]), len(y))
    masks = np.ones((2, X.shape[1]), dtype=bool)
    values = predictions(MLPClassifier((3,), max_iter=5, random_state=5), fold, masks, None).values
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)


def test_a_block_holds_the_selected_columns_and_zeros(rng):
    X, masks = rng.normal(size=(7, 9)), rng.random((5, 9)) < 0.5
    masks[0] = False
    columns = rows_by_column(X, torch.float64, torch.device("cpu"))
    block = columns[torch.from_numpy(selected_columns(masks))].numpy()
    assert block.shape == (5, masks.sum(axis=1).max(), 7)
    for own, mask in zip(block, masks, strict=True):
        np.testing.assert_array_equal(own[: mask.sum()], X[:, mask].T)
        assert (own[mask.sum() :] == 0.0).all()


def chunks_of(masks, bytes_of, most=10**9):
    """Return the chunks that a device takes with memory for so many masks, and what it refused."""
    taken, refused = [], []

    def work(indices):
        if len(indices) > most:
            refused.append(len(indices))
            raise OUT_OF_MEMORY("CUDA out of memory.")
        taken.append(indices.tolist())

    work_in_chunks(masks, CPU, bytes_of, work)
    return taken, refused


def test_every_mask_is_taken_once_and_the_widest_first(rng):
    masks = rng.random((100, 40)) < rng.random((100, 1))
    taken, refused = chunks_of(masks, lambda width: width * budget_of(CPU) // 200)
    order = np.concatenate(taken)
    assert sorted(order) == list(range(100))
    widths = masks.sum(axis=1)[order]
    assert (np.diff(widths) <= 0).all()
    assert not refused
    for chunk in taken:
        assert len(chunk) == 1 or len(chunk) * masks[chunk].sum(axis=1).max() <= 200


def test_a_chunk_that_does_not_fit_is_halved_and_later_ones_stay_small():
    taken, refused = chunks_of(np.ones((20, 3), dtype=bool), lambda width: 1, most=5)
    assert refused == [20, 10]
    assert [len(chunk) for chunk in taken] == [5, 5, 5, 5]


def test_not_even_one_mask_fits():
    with pytest.raises(InputError, match=r"^MLPClassifier: .* too little on cpu for one of 3"):
        chunks_of(np.ones((4, 3), dtype=bool), lambda width: 1, most=0)


def test_other_errors_are_not_hidden():
    def work(indices):
        raise RuntimeError("not about memory")

    with pytest.raises(RuntimeError, match="not about memory"):
        work_in_chunks(np.ones((4, 3), dtype=bool), CPU, lambda width: 1, work)


def test_no_masks():
    assert chunks_of(np.ones((0, 3), dtype=bool), lambda width: 1) == ([], [])


def test_the_budget_of_a_cuda_device_is_most_of_what_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 300)
    assert budget_of(torch.device("cuda", 0)) == 840


def test_a_table_goes_with_the_fold():
    X, y = np.zeros((2, 1)), np.array([0, 1])
    fold = Fold(X, y, X, y, np.arange(1), 2)
    table = table_of(fold, CPU, torch.float32)
    assert table_of(fold, CPU, torch.float64) is not table
    assert table_of(fold, CPU, torch.float32) is table
    known = weakref.ref(table)
    del fold, table
    gc.collect()
    assert known() is None


@pytest.mark.parametrize("activation", [IDENTITY, LOGISTIC, TANH, RELU])
@pytest.mark.parametrize("units", [(6, 1), (6, 5, 1), (6, 5, 4, 3)])
def test_gradients(activation, units, rng):
    layers = Layers(units, activation)
    weights = torch.from_numpy(rng.normal(size=(4, layers.n_weights))).requires_grad_()
    X, row_weights = torch.from_numpy(rng.normal(size=(4, 6, 9))), torch.rand(4, 9).double()
    codes = rng.integers(0, max(units[-1], 2), size=(4, 9))
    indices = np.arange(1, 2) if units[-1] == 1 else np.arange(units[-1])
    targets = torch.from_numpy((codes[:, None] == indices[:, None]).astype(float))
    into = X
    parts = layers.split(weights)
    for matrix, bias in parts:
        into = matrix @ into + bias
        if matrix is not parts[-1][0]:
            into = {TANH: torch.tanh, LOGISTIC: torch.sigmoid, RELU: torch.relu}.get(
                activation, lambda values: values
            )(into)
    shares = probabilities(into)
    if units[-1] == 1:
        shares, targets_all = (
            torch.cat([1 - shares, shares], 1),
            torch.cat([1 - targets, targets], 1),
        )
    else:
        targets_all = targets
    loss = -((shares.log() * targets_all).sum(dim=1) * row_weights).sum(dim=1)
    loss.sum().backward()
    with torch.no_grad():
        values, gradient = pass_forward(layers, weights, X), torch.empty_like(weights)
        losses, deltas = losses_and_deltas(values[-1], targets, row_weights)
        pass_backward(layers, weights, values, deltas, gradient)
    torch.testing.assert_close(losses, loss.detach())
    torch.testing.assert_close(gradient, weights.grad)


@pytest.mark.parametrize("far", [40.0, 1e4])
def test_losses_are_cut_where_scikit_learn_cuts_probabilities(far):
    highest = -np.log(np.finfo(float).eps)
    ones, two = torch.ones((1, 1, 1)), torch.tensor([[[1.0], [0.0]]])
    for into, targets in ((-far * ones, ones), (torch.tensor([[[-far], [0.0]]]), two)):
        losses, deltas = losses_and_deltas(into, targets, ones[0])
        assert float(losses) == pytest.approx(highest)
        assert float(deltas[0, 0, 0]) == pytest.approx(-1.0)


def test_losses_see_far_in_single_precision():
    ones = torch.ones((1, 1, 1))
    assert float(losses_and_deltas(20.0 * ones, ones, ones[0])[0]) == pytest.approx(
        np.exp(-20.0), rel=1e-6
    )


@pytest.mark.parametrize(("early_stopping", "best"), [(True, -np.inf), (False, np.inf)])
def test_before_the_first_epoch_any_result_is_better(early_stopping, best):
    settings = settings_of(MLPClassifier(early_stopping=early_stopping), 5)
    progress = Progress.begin(torch.ones((2, 3)), 5, settings)
    assert progress.best.tolist() == [best, best]
    assert progress.order.tolist() == [list(range(5))] * 2
    assert not progress.done.any()
    assert progress.best_weights.data_ptr() != progress.weights.data_ptr()


def test_what_is_selected_are_the_rows_of_each_mask_and_the_powers_of_all():
    settings = settings_of(MLPClassifier(), 4)
    weights = torch.arange(6.0).reshape(3, 2)
    selected = Progress.begin(weights, 4, settings).of_masks(torch.tensor([2, 0]))
    assert selected.weights.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert selected.powers.tolist() == [1.0, 1.0]
    assert len(selected.order) == len(selected.epochs) == 2


def test_the_cpu_repeats_plainly():
    calls = []
    repeat = Repetition(lambda: calls.append(1), torch.device("cpu"))
    for _ in range(5):
        repeat()
    assert len(calls) == 5


class FakeStream:
    def wait_stream(self, other):
        pass


class FakeGraph:
    n_replays = 0

    def replay(self):
        self.n_replays += 1


@contextmanager
def nothing(*args, **settings):
    yield


def fake_cuda(monkeypatch, **more):
    fakes = {
        "device": nothing,
        "Stream": FakeStream,
        "current_stream": FakeStream,
        "stream": nothing,
        "graph": nothing,
        "CUDAGraph": FakeGraph,
    }
    for name, fake in (fakes | more).items():
        monkeypatch.setattr(torch.cuda, name, fake, raising=False)


def test_cuda_does_it_once_records_it_once_and_replays(monkeypatch):
    graphs, calls = [], []
    fake_cuda(monkeypatch, CUDAGraph=lambda: graphs.append(FakeGraph()) or graphs[-1])
    repeat = Repetition(lambda: calls.append(1), torch.device("cuda", 0))
    for _ in range(6):
        repeat()
    assert len(calls) == 2  # plainly, and while it is recorded
    assert [graph.n_replays for graph in graphs] == [5]


def test_a_recording_that_runs_out_of_memory_says_so(monkeypatch):
    @contextmanager
    def failing(*args, **settings):
        try:
            yield
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    def work():
        calls.append(1)
        if len(calls) > 1:
            raise OUT_OF_MEMORY("CUDA out of memory.")

    calls = []
    fake_cuda(monkeypatch, graph=failing)
    repeat = Repetition(work, torch.device("cuda", 0))
    repeat()
    with pytest.raises(OUT_OF_MEMORY):
        repeat()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_cuda_device_counts_as_the_cpu_does():
    total = torch.zeros((), device="cuda")
    repeat = Repetition(lambda: total.add_(1.0), torch.device("cuda", 0))
    for _ in range(6):
        repeat()
    assert float(total) == 6.0


def test_picked_rows_are_each_masks_own():
    X = torch.arange(24.0).reshape(2, 3, 4)
    samples = Samples(X, torch.arange(4.0)[None, None], torch.arange(4.0)[None] + 10.0)
    picked = samples.pick(torch.tensor([[3, 0], [1, 1]]))
    assert picked.X[0].tolist() == X[0][:, [3, 0]].tolist()
    assert picked.X[1].tolist() == X[1][:, [1, 1]].tolist()
    assert picked.targets.tolist() == [[[3.0, 0.0]], [[1.0, 1.0]]]
    assert picked.weights.tolist() == [[13.0, 10.0], [11.0, 11.0]]


def test_what_all_masks_share_stays_shared():
    ones = torch.ones((1, 1, 4))
    samples = Samples(torch.zeros((3, 2, 4)), ones, torch.ones((3, 4)))
    selected = samples.of_masks(torch.tensor([0, 2]))
    assert [len(part) for part in (selected.X, selected.targets, selected.weights)] == [2, 1, 2]


def training_of(n_masks, solver="adam", **settings):
    X, y = torch.linspace(-1.0, 1.0, 6).repeat(n_masks, 1, 1).double(), torch.arange(6) > 2
    rows = Samples(X, y.double()[None, None], torch.ones((1, 6)).double())
    own = settings_of(MLPClassifier(solver=solver, **settings), 6)
    weights = torch.arange(2.0 * n_masks).reshape(n_masks, 2).double()
    progress = Progress.begin(weights, 6, own)
    return Training(Layers((1, 1), 0), own, rows, rows, torch.zeros(2).double(), progress)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_stopped_network_stays_as_it_is(solver):
    training = training_of(2, solver)
    training.progress.done[0] = True
    before = training.progress.weights.clone()
    training.run_epoch()
    moved = (training.progress.weights != before).any(dim=1)
    assert moved.tolist() == [False, True]
    assert training.progress.epochs.tolist() == [0, 1]


def test_training_ends_at_the_last_epoch_or_before_when_nothing_improves():
    streams = [np.random.RandomState(seed) for seed in range(3)]
    limited = train(training_of(3, max_iter=20), streams)
    assert limited.n_epochs.tolist() == [20] * 3
    assert not limited.converged.any()
    slack = train(training_of(3, tol=10.0, n_iter_no_change=4), streams)
    assert slack.n_epochs.tolist() == [6] * 3  # the first epoch is always better
    assert slack.converged.all()
