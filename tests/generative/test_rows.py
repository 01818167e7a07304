import pytest
import torch

from vaega.generative._training import Batch, mini_batches


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n", "size"), [(2, 256), (3, 2), (9, 4), (257, 256), (5, 2), (512, 256)])
def test_batches_hold_every_row_once_and_never_one_row(n, size):
    rows = Batch(torch.arange(n, dtype=torch.float32)[:, None])
    batches = list(mini_batches(rows, size, generator()))
    assert sorted(torch.cat([b.values for b in batches]).flatten().tolist()) == list(range(n))
    assert min(len(batch) for batch in batches) >= 2
    assert max(len(batch) for batch in batches) <= max(size, 3)


def test_batches_of_one_where_they_are_allowed():
    batches = mini_batches(Batch(torch.zeros(3, 1)), 1, generator(), min_size=1)
    assert [len(batch) for batch in batches] == [1, 1, 1]


def test_batches_keep_what_belongs_to_a_row():
    column = torch.arange(9, dtype=torch.float32)[:, None]
    for batch in mini_batches(Batch(column, column, column, column[:, 0]), 4, generator()):
        assert torch.equal(batch.values, batch.condition)
        assert torch.equal(batch.values, batch.observed)
        assert torch.equal(batch.values[:, 0], batch.weight)


def test_chances_balance_the_classes():
    codes = torch.tensor([0] * 90 + [1] * 10)
    chances = 1.0 / torch.bincount(codes)[codes]
    batches = list(
        mini_batches(Batch(codes[:, None].float()), 25, generator(), row_weights=chances)
    )
    share = torch.cat([batch.values for batch in batches]).mean().item()
    assert sum(len(batch) for batch in batches) == 100
    assert 0.35 < share < 0.65


def test_chances_count_in_one_batch_too():
    rows, chances = Batch(torch.arange(4.0)[:, None]), torch.tensor([0.0, 0.0, 0.0, 1.0])
    (batch,) = mini_batches(rows, 10, generator(), row_weights=chances)
    assert batch.values.flatten().tolist() == [3.0] * 4


def test_repeated_rows():
    rows = Batch(torch.eye(2), weight=torch.tensor([1.0, 2.0]))
    assert rows.repeated(1) is rows
    assert rows.repeated(3).weight.tolist() == [1, 2, 1, 2, 1, 2]
    assert rows.repeated(2).total_weight() == 6.0


def test_entries_are_counted_as_they_are_summed():
    seen, weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([1.0, 3.0])
    rows = Batch(torch.zeros(2, 2), observed=seen, weight=weight)
    assert rows.count_entries(by_feature=False) == 7.0
    assert rows.count_entries(by_feature=True).tolist() == [4.0, 3.0]
    assert Batch(torch.zeros(2, 2)).count_entries(by_feature=False) == 4.0
    assert Batch(torch.zeros(2, 2)).count_entries(by_feature=True) == 2.0
