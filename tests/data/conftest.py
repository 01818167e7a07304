import pytest

from tests.data.openml_server import OpenMLServer


@pytest.fixture
def no_folders(tmp_path, monkeypatch):
    """An empty working folder, no VAEGA_DATA, a cache of its own."""
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def openml(no_folders, monkeypatch):
    """A local OpenML that scikit-learn asks instead of the real one."""
    from sklearn.datasets import _openml

    server = OpenMLServer()
    monkeypatch.setattr(_openml.time, "sleep", lambda seconds: None)
    for constant, path in {
        "_SEARCH_NAME": "api/list/{}",
        "_DATA_INFO": "api/info/{}",
        "_DATA_FEATURES": "api/features/{}",
        "_DATA_QUALITIES": "api/qualities/{}",
    }.items():
        monkeypatch.setattr(_openml, constant, f"{server.url}/{path}")
    yield server
    server.close()
