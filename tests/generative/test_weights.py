import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vaega.core.errors import ResultsError
from vaega.generative._storage import read_weights, write_weights

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
    for index in np.linspace(0, len(content) - 1, 200).astype(int).tolist():
        damaged = bytearray(content)
        damaged[index] ^= 1 << (index % 8)
        path.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
            read_weights(path, expected)
    path.write_bytes(content)
    read_weights(path, expected)


@pytest.mark.parametrize("kept", [0, 1, 8, 100, 4096, 12288, -1])
def test_each_truncation_is_noticed(tmp_path, kept):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ResultsError, match=r"weights\.safetensors: "):
        read_weights(path, expected)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read: No such file or directory"):
        read_weights(tmp_path / "none", "")


def test_words_that_cancel_in_sums_are_noticed(tmp_path):
    path = tmp_path / "weights.safetensors"
    expected = write_weights(path, TENSORS)
    content = bytearray(path.read_bytes())
    words = np.frombuffer(content, dtype=np.uint64, count=len(content) // 8)[200:].copy()
    words[[0, 513]] += 1
    words[[1, 512]] -= 1
    content[1600 : 1600 + words.nbytes] = words.tobytes()
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="is not the file"):
        read_weights(path, expected)


def test_the_digest_is_sha256(tmp_path):
    path = tmp_path / "weights.safetensors"
    assert write_weights(path, TENSORS) == hashlib.sha256(path.read_bytes()).hexdigest()
