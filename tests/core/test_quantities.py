import pytest

from vaega.core.errors import InputError
from vaega.core.files import parse_bytes, parse_seconds, say_bytes, say_seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("1kB", 1000),
        ("2GiB", 2**31),
        ("0.5 mib", 2**19),
        (" 3TB ", 3 * 10**12),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text, "size", owner="test") == size


@pytest.mark.parametrize("text", ["", "-1", "much", "1 XB", "GiB", "1e3", "nan", None, [1]])
def test_what_is_no_size_is_one_sentence(text):
    with pytest.raises(InputError, match=r"^test: size must be a size such as 500MB or 2GiB, got"):
        parse_bytes(text, "size", owner="test")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("1.5m", 90), ("12h", 43200), ("30D", 30 * 86400), ("1w", 604800)],
)
def test_times(text, seconds):
    assert parse_seconds(text, "age", owner="test") == seconds


@pytest.mark.parametrize("text", ["", "12", "-1d", "1 month"])
def test_what_is_no_time_is_one_sentence(text):
    with pytest.raises(InputError, match=r"^test: age must be a time such as 12h or 30d, got"):
        parse_seconds(text, "age", owner="test")


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2**31, "2.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_sizes_are_said_in_the_largest_unit(size, said):
    assert say_bytes(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (1e6, "11 d")]
)
def test_times_are_said_in_the_largest_unit(seconds, said):
    assert say_seconds(seconds) == said
