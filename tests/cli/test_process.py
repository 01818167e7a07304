"""Signals that end a command, and readers that go away."""

import os
import signal
import subprocess
import sys

import pytest

from vaega.cli import main
from vaega.cli.process import ending_signals, outliving_readers
from vaega.experiments.status import read_status

ENDING = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def hangup():
    """Let SIGHUP do what it does by default, also where tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_interrupts_once_in_a_burst(number):
    with ending_signals() as came:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)  # while the first one tidies up
    assert came == [number]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_what_others_handle_or_ignore_is_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ending_signals() as came:
            signal.raise_signal(signal.SIGHUP)
        assert came == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("words", [["datasets"], ["--help"], ["cache", "list"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "vaega", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, "")


def test_a_reader_that_goes_away_stops_no_experiment(tmp_path, monkeypatch):
    (tmp_path / "small.yaml").write_text(
        "{name: small, dataset: {source: 'sklearn:wine'}, fitness: {classifier: gaussian_nb}, "
        "protocol: {outer: holdout, inner_folds: 2, final: false}, seeds: 2, "
        "search: {population_size: 4, n_generations: 1, n_searches: 1}}"
    )
    reader, writer = os.pipe()
    os.close(reader)  # as `vaega run ... | head -0`, with 2>&1
    words = ["run", str(tmp_path / "small.yaml"), "--results", str(tmp_path / "results")]
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(words) == 0
        monkeypatch.undo()
    folder = tmp_path / "results" / "small"
    assert [run.state for run in read_status(folder).runs] == ["done", "done"]
    assert (folder / "report.html").exists()


def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full, outliving_readers():  # noqa: PTH123
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            with outliving_readers(), pytest.raises(OSError, match="No space left"):
                print("x", flush=True)
        with pytest.raises(OSError, match="No space left"):
            full.close()
