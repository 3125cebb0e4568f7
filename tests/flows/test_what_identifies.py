"""What the processes that identify can read of an installation: the drops of their run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from support.bags import bag_files, zipped

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from flows.submission.claim import claim
from flows.submission.drop import DropRequest
from flows.submission.steps import run_stage
from preservation.identification.caged import CagedIdentifier
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import CollectionName

FILES = CollectionName("files")
pytestmark = pytest.mark.usefixtures("own_cages")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    make_installation(made)
    return made


def drop_of(folder: Path) -> Path:
    folder.mkdir()
    (folder / "table.csv").write_bytes(b"a,b\n")
    return folder


def test_every_drop_of_a_run_is_identified_also_what_is_unpacked(home: Path, tmp_path: Path):
    drops = [drop_of(tmp_path / "one"), drop_of(tmp_path / "two"), zipped(tmp_path / "bag.zip", bag_files())]
    settings = load_settings(home)
    with open_installation(settings) as installation, ExitStack() as held:
        requests = [DropRequest(drop, FILES, drop.stem) for drop in drops]
        workspaces = [held.enter_context(claim(request, installation)) for request in requests]

        run_stage(home, [workspace.root for workspace in workspaces], "survey")

        found = [entry for workspace in workspaces for entry in workspace.survey]
    assert len(found) > len(drops)
    for entry in found:
        assert isinstance(entry, SurveyedFile)
        assert "permission denied" not in " ".join(entry.identification.warnings)
        assert entry.identification.decided is not None


def test_neither_the_key_nor_the_database_nor_a_drop_of_another_run_is_read(home: Path, tmp_path: Path):
    ours, other = drop_of(tmp_path / "ours"), drop_of(tmp_path / "other")
    settings = load_settings(home)
    secrets = [path for path in settings.state.rglob("*") if path.is_file()]
    assert any(path.suffix == ".pem" for path in secrets)
    with open_installation(settings, (ours,)) as installation:
        identifier = CagedIdentifier(installation.identifying_workers)

        assert identifier.identify_file(ours / "table.csv", 4).decided == "x-fmt/18"
        for path in (*secrets, home / "muniment.toml", other / "table.csv"):
            found = identifier.identify_file(path, path.stat().st_size)
            assert "Permission denied" in " ".join(found.warnings), path
