import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes, and return its path."""

    def save(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save
