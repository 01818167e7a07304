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
    """Write tensors, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Where to write.
    tensors : dict of str to torch.Tensor
        On the CPU, contiguous.

    Returns
    -------
    str
        The checksum that `read_weights` wants.

    Raises
    ------
    ResultsError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights.safetensors"
    ...     read_weights(path, write_weights(path, {"a": torch.ones(2)}))
    {'a': tensor([1., 1.])}
    """
    content = tensors_to_bytes(tensors)
    write_bytes(path, content)
    return checksum(np.frombuffer(content, dtype=np.uint8))


def read_weights(path: Path, expected: str) -> dict[str, Tensor]:
    """Return the tensors of a file; those that nobody touches are never copied.

    Parameters
    ----------
    path : pathlib.Path
        What `write_weights` wrote.
    expected : str
        Its checksum.

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    ResultsError
        When the file is missing, or not the one that was written.

    Examples
    --------
    >>> read_weights(Path("nowhere"), "")
    Traceback (most recent call last):
    vaega.core.errors.ResultsError: nowhere: cannot be read: No such file or directory.
    """
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
    """Return a digest of bytes that is computed as fast as they can be read.

    The bytes are a table of 64-bit words, 512 a row; digested are its row sums and its column
    sums, modulo 2^64. A word that changes changes one of each for certain, and rows or columns that
    change places show in one of them; damage that is spread at random is missed with a probability
    of about 2^-64. It is no defence against a forger, who could change the description as well.

    Parameters
    ----------
    content : numpy.ndarray of uint8, shape (n,)
        Bytes.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> page = np.arange(8192, dtype=np.uint8)
    >>> swapped = np.concatenate([page[4096:], page[:4096]]); swapped[0] ^= 1
    >>> checksum(page) == checksum(swapped)
    False
    """
    whole = len(content) // PAGE * PAGE
    words = np.asarray(content[:whole]).view(np.uint64).reshape(-1, PAGE // 8)
    digest = hashlib.sha256(str(len(content)).encode())
    for part in (words.sum(axis=0), words.sum(axis=1), content[whole:]):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
