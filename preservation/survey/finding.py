"""Finding the manifests that came with a drop, before anything is read for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from preservation.manifests.layouts import NotUnderstood
from preservation.manifests.lines import Allowance, ManifestLimitError, manifest_lines
from preservation.manifests.names import Likelihood, likelihood
from preservation.model.amounts import count
from preservation.model.digests import Algorithm
from preservation.model.paths import RelativePath, quoted
from preservation.model.supplied import ManifestLayout
from preservation.survey.walk import files_where


@dataclass(frozen=True, slots=True)
class FoundManifest:
    """A manifest in a drop, read but not yet compared.

    ``entries`` counts the lines that list a digest, ``odd_lines`` those that list none. ``fault`` says why
    nothing in it can be used, if so, and ``too_much`` whether that is because it goes beyond what is read.
    """

    path: RelativePath
    layout: ManifestLayout
    algorithms: tuple[Algorithm, ...]
    entries: int
    odd_lines: int = 0
    fault: str | None = None
    too_much: bool = False


def find_supplied(root: Path, only: RelativePath | None = None) -> tuple[FoundManifest, ...]:
    """Return the manifests below ``root``, in ``path_order``: known by their names and by what they hold.

    A file that is only perhaps named like a manifest and does not read like one is not returned. A drop of
    one file, ``only``, is one itself or has none. Raises ``OSError`` where ``root`` cannot be listed.
    """
    allowance = Allowance()
    if only is not None:
        is_one = likelihood(only) is Likelihood.CERTAIN
        return (_looked_into(root, only, allowance),) if is_one else ()
    found = []
    for file in files_where(root, lambda path: likelihood(path) is not None):
        manifest = _looked_into(root, file.path, allowance)
        # Of one that goes beyond the limits, what was read of it decides; it is not passed over in silence.
        reads_like_one = manifest.entries > manifest.odd_lines and manifest.fault is None
        reads_like_one |= manifest.too_much and manifest.entries >= manifest.odd_lines
        if likelihood(file.path) is Likelihood.CERTAIN or reads_like_one:
            found.append(manifest)
    return tuple(found)


def algorithms_needed(manifests: Iterable[FoundManifest]) -> frozenset[Algorithm]:
    """Return the algorithms that a survey must compute for these manifests to be checked."""
    return frozenset(algorithm for manifest in manifests for algorithm in manifest.algorithms)


def _looked_into(root: Path, path: RelativePath, allowance: Allowance) -> FoundManifest:
    algorithms: dict[Algorithm, None] = {}
    layout: ManifestLayout | None = None
    entries = odd_lines = 0
    first_odd: NotUnderstood | None = None
    fault = None
    too_much = False
    try:
        for line in manifest_lines(root, path, allowance):
            match line:
                case NotUnderstood():
                    odd_lines += 1
                    first_odd = first_odd or line
                case (first, *_):
                    entries += 1
                    layout = layout or first.layout
                    algorithms.update(dict.fromkeys(listed.algorithm for listed in line))
    except OSError as error:
        fault = f"it cannot be read ({error.strerror or error})"
    except ManifestLimitError as error:
        fault, too_much = str(error), True
    except ValueError as error:
        fault = "its characters are broken" if isinstance(error, UnicodeError) else str(error)
    if fault is None and entries == 0:
        fault = "it lists nothing" if first_odd is None else _unusable(first_odd)
    return FoundManifest(
        path,
        layout or ManifestLayout.MD5SUM,
        tuple(algorithms) if fault is None else (),
        entries,
        odd_lines,
        fault,
        too_much,
    )


def _unusable(line: NotUnderstood) -> str:
    if not line.name:
        return "no line of it is in a known layout"
    return (
        f"no line of it lists a digest of md5, sha1, sha256 or sha512; line {line.line} has "
        f"{quoted(line.digest)} ({count(len(line.digest), 'character')})"
    )
