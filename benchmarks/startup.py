"""How long `import vaega` and `vaega --help` take, beside a bare interpreter, as JSON lines.

    python benchmarks/startup.py

Claims: the import costs under 0.1 s and the help under 0.5 s, and neither imports torch.
"""

import json
import statistics
import subprocess
import sys
import time

REPEATS = 7
CASES = {
    "bare interpreter": [sys.executable, "-c", ""],
    "import vaega": [sys.executable, "-c", "import vaega"],
    "vaega --help": [sys.executable, "-m", "vaega.cli", "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def seconds(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main():
    bare = None
    for case, command in CASES.items():
        seconds(command)  # once without counting, so that files are in memory
        median = statistics.median(seconds(command) for _ in range(REPEATS))
        bare = median if bare is None else bare
        record = {"case": case, "seconds": round(median, 3), "beyond_bare": round(median - bare, 3)}
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
