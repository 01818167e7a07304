import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vaega.core.errors import ResultsError
from vaega.generative._storage import PAGE, checksum, read_weights, write_weights

TENSORS = {
    "network.weight": torch.randn(300, 70, generator=torch.Generator().manual_seed(0)),
    "shift": torch.arange(5, dtype=torch.float64),
    "varies": torch.tensor([True, False]),
    "count": torch.tensor(7),
}


def test_tensors_come_back_with_the_same_bits(tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = read_weights(path, write_weights(path, TENSORS))
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert load_file(path).keys() == TENSORS.keys()


def test_what_was_read_outlives_the_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = read_weights(path, write_weights(path, TENSORS))
    path.unlink()
    assert torch.equal(tensors["network.weight"], TENSORS["network.weight"])


def test_each_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 200).astype(int).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
            read_weights(path, expected)
    path.write_bytes(content)
    read_weights(path, expected)


@pytest.mark.parametrize("kept", [0, 1, 8, 100, PAGE, 3 * PAGE, -1])
def test_each_truncation_is_noticed(tmp_path, kept):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
        read_weights(path, expected)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read: No such file or directory"):
        read_weights(tmp_path / "none", "")


def pages(n=40, seed=0):
    return np.random.default_rng(seed).integers(256, size=n * PAGE + 123, dtype=np.uint8)


def test_pages_that_change_places_are_noticed():
    content, swapped = pages(), pages()
    swapped[:PAGE], swapped[PAGE : 2 * PAGE] = content[PAGE : 2 * PAGE], content[:PAGE]
    assert checksum(content) != checksum(swapped)
    assert checksum(content) == checksum(pages())


@pytest.mark.parametrize("damage", ["zeros", "words", "tail", "longer", "columns", "noise"])
def test_damage_of_other_kinds_is_noticed(damage):
    content, damaged = pages(), pages()
    if damage == "zeros":
        damaged[8 * PAGE : 12 * PAGE] = 0
    if damage == "words":
        damaged[:8], damaged[8:16] = content[8:16], content[:8]
    if damage == "tail":
        damaged[-1] ^= 1
    if damage == "longer":
        damaged = np.append(damaged, np.uint8(0))
    if damage == "columns":
        damaged = np.roll(damaged, 8)
    if damage == "noise":
        damaged[::97] ^= 5
    assert checksum(content) != checksum(damaged)


@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE, PAGE + 1])
def test_any_size(size):
    content = pages()[:size]
    assert len(checksum(content)) == len(hashlib.sha256(b"").hexdigest())
    assert checksum(content) != checksum(np.append(content, np.uint8(0)))
