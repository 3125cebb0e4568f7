"""An archive for tests: a real installation, run by the real command against a real Prefect."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.installation.jobs import Job

MUNIMENT = Path(sys.executable).parent / "muniment"

NO_PREFECT = "http://127.0.0.1:9/api"
"""Where nobody answers: what runs there without a fault needs no Prefect."""


@dataclass(frozen=True)
class Archive:
    """An installation; its flows run in the Prefect at ``api_url``, in one of its own where that is empty."""

    directory: Path
    api_url: str = NO_PREFECT

    @property
    def environment(self) -> dict[str, str]:
        """What the command is told by the environment."""
        return {
            **os.environ,
            "MUNIMENT_PREFECT__API_URL": self.api_url,
            # What is away stays away until the test brings it back: once more is as good as for long.
            "MUNIMENT_RETRIES__STORES": "0.1",
            "MUNIMENT_RETRIES__DATABASE": "0.1",
            "MUNIMENT_RETRIES__LOCAL_WORK": "0.1",
            # Other tests keep the other cores busy: a second caged process would only take its start.
            "MUNIMENT_WORK__CAGED_PROCESSES": "1",
            # Tests run at night too.
            **{f"MUNIMENT_SCHEDULES__{job.name}": "" for job in Job if job.cron is not None},
        }

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command to its end."""
        return subprocess.run(
            [MUNIMENT, *map(str, arguments), "-C", str(self.directory)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def preserve(
        self, *paths: Path, collection: str = "images", more: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """Preserve drops and return what is told of each."""
        finished = self.run("preserve", *paths, "--collection", collection, "--json", *more)
        assert finished.stdout, finished.stderr
        return [json.loads(line) for line in finished.stdout.splitlines()]

    def store(self, name: str) -> Path:
        """The folder of a store."""
        return self.directory / "stores" / name

    def kept(self, store: str = "first") -> dict[str, bytes]:
        """Every visible file of a store, apart from the journal's and the guide's, by key."""
        root = self.store(store)
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file()
            and path.parent != root
            and not path.relative_to(root).parts[0].startswith((".", "_"))
        }


def share_secret(directory: Path) -> None:
    """Give the installation's own Prefect the secret that this process asks with."""
    (directory / "state" / "prefect.secret").write_text(os.environ["PREFECT_API_AUTH_STRING"])


def keep_versions_that_lack(archive: Archive) -> None:
    """Have the policy of images keep a version that lacks files of the one before, without asking."""
    policy = archive.directory / "policies" / "digitized-images.toml"
    policy.write_text(re.sub(r'(removed|unrelated)( *)= "ask"', r'\1\2= "keep"', policy.read_text()))


def make_archive(directory: Path, api_url: str) -> Archive:
    """Make an installation with the command that a user has."""
    subprocess.run([MUNIMENT, "init", directory], check=True, capture_output=True)
    return Archive(directory, api_url)
