"""Tensors in a safetensors file that is mapped into memory, and checked before it is believed."""

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from vaega.core.errors import ResultsError
from vaega.core.files import write_bytes

PAGE = 4096


def write_weights(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write tensors, whole or not at all."""
    content = tensors_to_bytes(tensors)
    write_bytes(path, content)
    return checksum(np.frombuffer(content, dtype=np.uint8))


def read_weights(path: Path, expected: str) -> dict[str, Tensor]:
    """Return the tensors of a file; those that nobody touches are never copied."""
    try:
        found = checksum(np.memmap(path, dtype=np.uint8, mode="r"))
        if found != expected:
            raise ResultsError(f"{path}: is not the file that its description was written for.")
        return load_file(path)
    except ResultsError:
        raise
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a file of no bytes
        why = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read: {why}.") from error


def checksum(content: np.ndarray) -> str:
    """Return a digest of bytes that is computed as fast as they can be read."""
    whole = len(content) // PAGE * PAGE
    words = np.asarray(content[:whole]).view(np.uint64).reshape(-1, PAGE // 8)
    digest = hashlib.sha256(str(len(content)).encode())
    for part in (words.sum(axis=0), words.sum(axis=1), content[whole:]):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
