"""Changes to results that stand for other runs, not for damage: their digests are renewed."""

import json
from pathlib import Path

from vaega.core.records import digests_of, read_record, write_record
from vaega.experiments.store import RECORD, files_of


def rewrite_run(path: Path, content) -> None:
    """Give a JSON file of a run another content."""
    path.write_text(json.dumps(content))
    renew(path.parent)


def renew(run_folder: Path) -> None:
    """Let the record of a run hold the files that are there now."""
    write_record(run_folder / RECORD, {"files": digests_of(run_folder, files_of(run_folder))})


def rewrite_plan(folder: Path, **changes) -> None:
    """Change the plan of a results folder."""
    write_record(folder / "plan.json", read_record(folder / "plan.json") | changes)
