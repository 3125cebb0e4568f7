"""What must hold however often the runs were killed; and what must hold at the very moment of a kill."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ordeals.crash_drops import Content
from support.archives import Archive

from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from preservation.bagit.validation import validate
from storage.journal.entries import concerns

Versions = Mapping[str, Sequence[Content]]
"""What is to be kept: of each object, by ``collection/name``, the content of its versions."""

_COMMIT = "tagmanifest-sha256.txt"
STORES = 2


def committed(root: Path) -> set[str]:
    """Return the versions that are visible in a store's folder."""
    return {os.fspath(file.parent.relative_to(root)) for file in root.glob(f"[!._]*/*/v*/{_COMMIT}")}


def prove_nothing_is_half_visible(roots: Sequence[Path], archive: Archive) -> None:
    """Every version that can be seen is whole, and every one that the catalogue knows can be seen."""
    for root in roots:
        for version in committed(root):
            verdict = validate(root / version)
            assert verdict.valid, f"{root / version}: {verdict.issues}"
    with open_installation(load_settings(archive.directory)) as opened:
        for registered in opened.catalogue.packages():
            for root in roots:
                assert registered.package.prefix in committed(root), f"{registered.package} is not in {root}"


def prove_kept(roots: Sequence[Path], expected: Versions, archive: Archive, scratch: Path) -> None:
    """Every drop is kept exactly once in every store, valid by every measure, and registered."""
    first, *others = [_without_guide(_tree(root)) for root in roots]
    for root, other in zip(roots[1:], others, strict=True):
        assert other == first, f"{root} is not equal to {roots[0]}"
    wanted = {
        f"{name}/v{number}": content
        for name, versions in expected.items()
        for number, content in enumerate(versions, start=1)
    }
    for root in roots:
        assert committed(root) == set(wanted)
        folders = {os.fspath(path.relative_to(root)) for path in root.glob("[!._]*/*/*")}
        assert folders == set(wanted), f"there is more below {root} than versions"
    prove_nothing_is_half_visible(roots, archive)
    _prove_by_strangers(roots[0], wanted, scratch)
    with open_installation(load_settings(archive.directory)) as opened:
        _prove_registered(opened, roots, set(wanted))


def _without_guide(tree: dict[str, str]) -> dict[str, str]:
    """Leave out what a store is given for its readers, at its first seal at the latest."""
    guide = {"README.txt", "verify.py", "_journal/check_journal.py"}
    return {path: digest for path, digest in tree.items() if path not in guide}


def _tree(root: Path) -> dict[str, str]:
    """Digest every visible file of a store, its journal's included."""
    return {
        os.fspath(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in root.rglob("*")
        if file.is_file() and not file.relative_to(root).parts[0].startswith(".")
    }


def _prove_by_strangers(root: Path, wanted: Mapping[str, Content], scratch: Path) -> None:
    """Complete each version as its README says, then let those check it who know nothing of Muniment."""
    copied = shutil.copytree(root, scratch, ignore=shutil.ignore_patterns(".*", "_*"), copy_function=os.link)
    for version, content in wanted.items():
        bag = copied / version
        if (bag / "fetch.txt").exists():
            readme = (bag / "README.txt").read_text()
            [script] = re.findall(r"^-{60,}\n(.*?)^-{60,}\n", readme, re.DOTALL | re.MULTILINE)
            subprocess.run([sys.executable, "-c", script], cwd=bag, check=True)
        for manifest in ("manifest-sha256.txt", _COMMIT):
            check = ["sha256sum", "--check", "--quiet", "--strict", manifest]
            subprocess.run(check, cwd=bag, check=True, capture_output=True)
        originals = _tree(bag / "data" / "originals")
        assert originals == content, f"{version} is not what was dropped"
    bags = [copied / version for version in wanted]
    subprocess.run([sys.executable, "-m", "bagit", "--validate", *bags], check=True, capture_output=True)
    shutil.rmtree(copied)


def _prove_registered(opened: Installation, roots: Sequence[Path], wanted: set[str]) -> None:
    """The catalogue says what the stores hold: no version more, none less, each with all its files."""
    registered = {one.package.prefix: one for one in opened.catalogue.packages()}
    assert set(registered) == wanted
    stores = {store.name: store for store in opened.stores}
    for prefix, one in registered.items():
        assert {replica.store for replica in one.replicas} == set(stores)
        for replica in one.replicas:
            listed = list(stores[replica.store].list(one.package.prefix))
            assert replica.files == len(listed)
            assert replica.bytes == sum(kept.size for kept in listed)
        payload = {}
        for line in (roots[0] / prefix / "manifest-sha256.txt").read_text().splitlines():
            digest, path = line.split(maxsplit=1)
            payload[path] = digest
        assert {file.path: file.digests["sha256"] for file in opened.catalogue.files(one.package)} == payload


def prove_story(expected: Versions, returned: Sequence[str], archive: Archive) -> None:
    """The journal is whole, the stores hold the same one, and no act stands in it twice."""
    # The stores' own journals are held against it: the newest head that is signed in any of them counts.
    verified = archive.run("journal", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    with open_installation(load_settings(archive.directory)) as opened:
        entries = list(opened.journal.about())
    assert set(Counter(entry.identifier for entry in entries).values()) == {1}
    for name in {*expected, *returned}:
        acts = [entry for entry in entries if concerns(entry, name)]
        story = Counter(entry.event_type for entry in acts)
        ends = Counter(entry.detail for entry in acts if entry.event_type == "ingestion end")
        # Each submission begins once and ends once, however often it was killed in between.
        assert story["ingestion start"] == ends.total(), (name, story, ends)
        kept = len(expected.get(name, ()))
        assert ends["stored"] == story["accession"] == story["information package creation"] == kept, ends
        assert story["replication"] == kept * STORES, (name, story)
        assert ends.keys() <= ({"stored", "already-kept"} if name in expected else {"rejected"}), (name, ends)


def prove_tidy(archive: Archive) -> None:
    """Nothing stays of what the killed runs had begun: locks, and what is known of drops in ``rejected/``."""
    settings = load_settings(archive.directory)
    stays = {".locks", ".rejected"}
    files = (path for path in settings.processing.rglob("*") if path.is_file())
    left = [path for path in files if stays.isdisjoint(path.parts)]
    assert left == []
    assert not list(settings.processing.glob("*/.discarded-*"))
    assert not list(settings.state.glob("sealing-*"))
    # An area may be left of which nobody can tell whether it is in use, for nothing is in it.
    incoming = archive.directory.glob("stores/*/.incoming/**/*")
    assert not [path for path in incoming if path.is_file() and path.stat().st_size]
