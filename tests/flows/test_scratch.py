"""Folders for what is made on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from flows.installation.scratch import scratch_folder

HANGS = """
import sys, time
from pathlib import Path
from flows.installation.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "sealing") as folder:
    (folder / "half").write_text("a segm")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_run_left_goes_with_the_next_one_and_what_is_in_use_stays(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HANGS, tmp_path], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        with scratch_folder(tmp_path, "sealing") as mine:
            assert left.is_dir()
            assert mine.is_dir()
        assert not mine.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (left / "half").is_file()
        with scratch_folder(tmp_path, "sealing") as mine:
            assert not left.exists()
            assert mine.is_dir()
