"""Random damage to a results folder: a file of it, and what is done to it, from a seed."""

from pathlib import Path

import numpy as np

HARMS = ("bit", "digit", "cut", "empty", "zeros", "more", "other", "gone")


def damage(folder: Path, seed: int) -> str:
    """Damage one file of a results folder; return which, and how."""
    rng = np.random.default_rng(seed)
    files = [path for path in sorted(folder.rglob("*")) if _holds_something(path)]
    # Each kind of file as often as any other, however many runs there are.
    names = sorted({path.name for path in files})
    name = names[rng.integers(len(names))]
    same = [path for path in files if path.name == name]
    path, harm = same[rng.integers(len(same))], HARMS[rng.integers(len(HARMS))]
    content = _harmed(bytearray(path.read_bytes()), harm, rng, files)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return f"{path.relative_to(folder)}: {harm}"


def _holds_something(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.stat().st_size > 0


def _harmed(
    content: bytearray, harm: str, rng: np.random.Generator, files: list[Path]
) -> bytes | None:
    place = int(rng.integers(len(content)))
    if harm == "gone":
        return None
    if harm == "bit":
        content[place] ^= 1 << int(rng.integers(8))
    elif harm == "digit":  # what still reads as a number
        digits = [i for i, byte in enumerate(content) if chr(byte).isdigit() and byte < 128]
        if digits:
            place = digits[int(rng.integers(len(digits)))]
            content[place] = ord("0") + (content[place] - ord("0") + int(rng.integers(1, 10))) % 10
    elif harm == "cut":
        del content[place:]
    elif harm == "empty":
        content.clear()
    elif harm == "zeros":
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    elif harm == "more":
        content += rng.bytes(40)
    elif harm == "other":  # of another run, say
        content[:] = files[int(rng.integers(len(files)))].read_bytes()
    return bytes(content)
