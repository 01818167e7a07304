"""Watching an experiment: what is shown, what it costs, and that nothing is disturbed."""

import io
import json
import os
import platform
import shutil
import time
from datetime import datetime, timedelta

import pytest
import yaml
from filelock import FileLock
from rich.console import Console

from tests.processes import start_command
from tests.records import rewrite_plan, rewrite_run
from tests.report.experiments import run_small
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.core.records import digests_of, read_record
from vaega.experiments import watch as watching
from vaega.experiments.monitor import HEARTBEAT_FILE
from vaega.experiments.store import Store
from vaega.experiments.watch import PageWriter, Watcher, changes, render, watch

ELSEWHERE, NOBODY = "another-machine", 2**22 + 1  # no such process


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    arms = {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 40}}
    return run_small(tmp_path_factory.mktemp("results"), seeds=3, arms=arms)


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "small")


def place_of(folder, number):
    run_id = json.loads((folder / "plan.json").read_text())["runs"][number]
    return folder / "runs" / run_id


def take(place, *, pid=None, host=None, minutes=2.0):
    """Let a process hold an unfinished run since some minutes ago."""
    (place / "record.json").unlink(missing_ok=True)
    since = datetime.now().astimezone() - timedelta(minutes=minutes)
    about = {"pid": pid or os.getpid(), "host": host or platform.node(), "since": str(since)}
    (place / ".claim.holder").write_text(json.dumps(about))


def beat(place, generation, best="best 0.750 with 4 features"):
    (place / "checkpoint").mkdir(exist_ok=True)
    told = {"n_searches": 2, "generation": generation, "figures": f"{best}, mean 0.5 with 3"}
    (place / "checkpoint" / HEARTBEAT_FILE).write_text(json.dumps(told))


def shown(snapshot, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(render(snapshot))
    return console.file.getvalue()


def test_what_is_over(folder):
    now = Watcher(folder).look()
    assert now.is_over
    assert now.sentence == "6 runs: 6 done."
    assert set(now.means) == {"original", "jitter"}
    scores = [json.loads((place_of(folder, k) / "metrics.json").read_text()) for k in range(3)]
    expected = sum(one["heldout_score"] for one in scores) / 3
    assert now.means["original"] == pytest.approx(expected)


def test_each_state(folder):
    failure = {"status": "failed", "error": "no luck", "seconds": 1.0}
    rewrite_run(place_of(folder, 0) / "metrics.json", failure)
    (place_of(folder, 1) / "record.json").unlink()
    take(place_of(folder, 2))
    shutil.rmtree(place_of(folder, 3))
    take(place_of(folder, 4), pid=NOBODY)
    take(place_of(folder, 5), pid=NOBODY, host=ELSEWHERE)
    now = Watcher(folder).look()
    states = ["failed", "stopped", "running", "waiting", "stopped", "running"]
    assert list(now.states.values()) == states
    assert not now.is_over
    assert [one.run.title for one in now.active] == ["original, seed 2", "jitter, seed 2"]


def test_a_failed_run_that_is_tried_again_is_running(folder):
    take(place_of(folder, 0))
    rewrite_run(place_of(folder, 0) / "metrics.json", {"status": "failed", "error": "x"})
    assert next(iter(Watcher(folder).look().states.values())) == "running"


def test_runs_at_work_say_where_they_are(folder):
    take(place_of(folder, 1), minutes=0.5)
    beat(place_of(folder, 1), 7)
    take(place_of(folder, 2), minutes=30)
    now = Watcher(folder).look()
    text = shown(now)
    (line,) = [line for line in text.splitlines() if line.startswith("original, seed 1")]
    assert line.split() == [
        "original,",
        "seed",
        "1",
        "search",
        "2,",
        "generation",
        "7",
        "0:30",
        "0.750",
        "with",
        "4",
        "features",
    ]
    assert "preparing (quiet for 30:0" in text
    assert "2 running" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_process_that_was_just_begun_prepares(folder):
    take(place_of(folder, 1), minutes=0.1)
    assert Watcher(folder).look().active[0].position == "preparing"


def test_the_time_left_is_what_the_others_took(folder):
    for number, seconds in [(0, 100.0), (3, 400.0)]:
        path = place_of(folder, number) / "metrics.json"
        rewrite_run(path, json.loads(path.read_text()) | {"seconds": seconds})
    for number in (2, 4, 5):
        shutil.rmtree(place_of(folder, number))
    take(place_of(folder, 1), minutes=0.5)
    now = Watcher(folder).look()  # 70 s of run 1, 100 s of run 2, 400 s of each of jitter's
    assert now.seconds_left == pytest.approx(970.0, abs=5.0)
    assert "roughly 16:" in now.sentence
    take(place_of(folder, 3), minutes=0.0)
    assert Watcher(folder).look().seconds_left is not None


def test_nothing_tells_the_time_before_a_run_is_done(folder):
    for number in range(1, 6):
        shutil.rmtree(place_of(folder, number))
    take(place_of(folder, 0))
    assert "not known before a run is done" in Watcher(folder).look().sentence
    (place_of(folder, 0) / ".claim.holder").unlink()
    assert "no process is on a run" in Watcher(folder).look().sentence


def test_looking_changes_nothing_and_claims_nothing(folder):
    take(place_of(folder, 1))
    shutil.rmtree(place_of(folder, 3))
    with FileLock(place_of(folder, 1) / ".claim"):
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        Watcher(folder).look()
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_final_results_are_read_once_and_waiting_runs_never(folder, monkeypatch):
    content = yaml.safe_load((folder / "experiment.yaml").read_text()) | {"seeds": 1000}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(content))
    plan = read_record(folder / "plan.json")
    plan["files"] |= digests_of(folder, ["experiment.yaml"])
    runs = [*plan["runs"][:3], *(f"original-{k}" for k in range(3, 1000))]
    runs += [*plan["runs"][3:], *(f"jitter-{k}" for k in range(3, 1000))]
    rewrite_plan(folder, runs=runs, files=plan["files"])
    take(place_of(folder, 1000))
    beat(place_of(folder, 1000), 3)
    watcher, asked = Watcher(folder), []
    before = watcher.look()
    assert before.sentence.startswith("2000 runs: 5 done, 1 running, 1994 waiting")
    stamp = watching._stamp
    monkeypatch.setattr(watching, "_stamp", lambda path: asked.append(path) or stamp(path))
    monkeypatch.setattr(Store, "metrics", lambda *_: pytest.fail("is read again"))
    assert watcher.look().means == before.means
    assert len(asked) <= 10


def test_a_later_call_that_adds_seeds_is_noticed(folder):
    watcher = Watcher(folder)
    assert len(watcher.look().states) == 6
    content = yaml.safe_load((folder / "experiment.yaml").read_text()) | {"seeds": 4}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(content))
    plan = read_record(folder / "plan.json")
    plan["files"] |= digests_of(folder, ["experiment.yaml"])
    runs = [*plan["runs"][:3], "original-003-x", *plan["runs"][3:], "jitter-003-x"]
    rewrite_plan(folder, runs=runs, files=plan["files"])
    now = watcher.look()
    assert list(now.states.values()) == ["done"] * 3 + ["waiting"] + ["done"] * 3 + ["waiting"]
    assert not now.is_over


def test_a_pipe_gets_a_line_a_change(folder):
    record = (place_of(folder, 1) / "record.json").read_text()
    shutil.rmtree(place_of(folder, 2) / "checkpoint", ignore_errors=True)
    (place_of(folder, 1) / "record.json").unlink()
    watcher = Watcher(folder)
    first = watcher.look()
    assert list(changes(watcher, None, first)) == [f"small: {first.sentence}"]
    assert list(changes(watcher, first, watcher.look())) == []
    take(place_of(folder, 1))
    second = watcher.look()
    assert list(changes(watcher, first, second)) == ["original, seed 1: running"]
    (place_of(folder, 1) / "record.json").write_text(record)
    lines = list(changes(watcher, second, watcher.look()))
    assert lines[0].startswith("[6/6] original, seed 1: held out ")
    assert lines[1:] == ["6 runs: 6 done."]


def test_a_terminal_is_drawn_and_left(folder):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    assert watch(folder, console).is_over
    assert "6 runs: 6 done." in console.file.getvalue()


def test_the_page_follows_the_results_and_no_oftener(folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    written = []
    writer = PageWriter(folder, written.append, seconds=60.0)
    writer.look()
    writer.look()
    assert written == [folder]
    (folder / "runs.csv").write_text("changed")
    writer.look()
    assert written == [folder]  # too early
    now[0] = 61.0
    writer.look()
    assert written == [folder] * 2
    writer.folder = folder / "runs"  # no table yet
    writer.look()
    assert written == [folder] * 2


def test_the_last_page_is_one_of_all_results(folder, monkeypatch):
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: None)
    written = []

    def write(folder):
        written.append((folder / "runs.csv").read_text())
        if len(written) == 1:  # a table that comes while the page is made
            (folder / "runs.csv").write_text("the last run too")

    PageWriter(folder, write, seconds=3600.0).finish()
    assert written[-1] == "the last run too"


def test_no_page_before_a_run_has_ended(folder, monkeypatch):
    record = place_of(folder, 0) / "record.json"
    kept = record.read_text()
    for number in range(6):
        (place_of(folder, number) / "record.json").unlink()
    written, looks = [], []

    def sleep(seconds):
        looks.append(len(written))
        if len(looks) == 2:
            record.write_text(kept)
        if len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        watch(folder, Console(file=io.StringIO()), page=PageWriter(folder, written.append))
    assert looks == [0, 0, 1, 1]


def test_the_last_page_waits_for_no_table_that_is_gone(folder, monkeypatch):
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: None)
    writer = PageWriter(folder, lambda folder: None)
    writer.look()
    (folder / "runs.csv").unlink()
    writer.finish()


def test_no_plan_there(tmp_path):
    with pytest.raises(ResultsError, match="is no results folder"):
        Watcher(tmp_path)


LONG = {
    "name": "long",
    "dataset": {"source": "sklearn:wine"},
    "fitness": {"classifier": "decision_tree", "engine": "sklearn"},
    "search": {"population_size": 8, "n_generations": 6, "n_searches": 1},
    "protocol": {"final": False},
    "seeds": 6,
}


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_page_and_watching_while_an_experiment_is_at_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(LONG))
    folder = tmp_path / "results" / "long"
    process = start_command("run", "long.yaml")
    wait_until(lambda: list(folder.glob("runs/*/record.json")))
    assert main(["report", str(folder)]) == 0  # of the runs that are done so far
    assert "report.html" in capsys.readouterr().out
    assert main(["watch", str(folder), "--report", "--interval", "0.02"]) == 0
    process.join()
    assert process.exitcode == 0
    assert capsys.readouterr().out.endswith("6 runs: 6 done.\n")
    page = (folder / "report.html").read_text()
    assert page.count("<td>done</td>") == 6
    assert main(["run", "long.yaml", "--results", "quiet"]) == 0  # nobody watches
    columns = ["heldout_score", "inner_score", "n_distinct"]
    tables = [Store(tmp_path / where / "long").runs_table() for where in ("results", "quiet")]
    assert tables[0][columns].equals(tables[1][columns])


def test_exit_codes(folder, capsys):
    assert main(["watch", str(folder)]) == 0
    failure = {"status": "failed", "error": "no luck", "seconds": 1.0}
    rewrite_run(place_of(folder, 0) / "metrics.json", failure)
    assert main(["watch", str(folder)]) == 1
    assert capsys.readouterr().out.endswith("small: 6 runs: 5 done, 1 failed.\n")


def test_names_do_not_command_the_terminal(capsys):
    name = "[/bold]\x1b]0;"
    counts = {name: dict.fromkeys(watching.STATES, 0) | {"done": 1}}
    snapshot = watching.Snapshot(name, {"a": "done"}, counts, {name: 0.5}, name, [], None)
    Console(force_terminal=True, width=120, color_system=None).print(render(snapshot))
    shown = capsys.readouterr().out
    assert "\x1b]0;" not in shown
    assert shown.count(r"[/bold]\x1b]0;") == 3
