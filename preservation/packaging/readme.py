"""The README of a package: for a reader who finds it in fifty years and knows nothing of Muniment."""

from typing import Final

from preservation.model.amounts import count
from preservation.model.identifiers import PackageId
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from preservation.packaging.contents import PackageContents
from preservation.packaging.payload import PayloadTally

_BODY: Final = """\
{title}
{rule}

This folder is one version of a preserved object: {object}, version {version}.
It was packaged on {date} by {software}. Nothing of {name} is needed to read it
or to check it: it is a bag as RFC 8493 describes it, files in folders with lists of their digests.

{fetched}
HOW TO CHECK IT

Open a terminal in this folder and run

    {program} --check --quiet tagmanifest-{algorithm}.txt
    {program} --check --quiet manifest-{algorithm}.txt
    find data -type f -print0 | tr -cd '\\0' | wc -c

The first two say nothing when every listed file is what it was. The third counts the files below
data/: there must be {files}. A program that validates bags as RFC 8493 has them does the same and more.

{encoded}{hard}
WHAT IS WHERE

    data/originals/         exactly what was handed in: {originals}, names and bytes unchanged
    data/preservation/      made from an original for its longer life and compared with it: {derivatives}
    metadata/premis.xml     what every file is, when it was last changed, what was done to it (PREMIS 3)
    metadata/policy.toml    the preservation policy that decided it, with its reasons
    metadata/descriptive/   dc.xml, about the whole object; supplied/, as it was handed in
    metadata/submission/    manifests that were handed in; the tag files of a submitted bag;
                            not-kept.csv, if anything that was handed in is not here, and why
    bagit.txt, bag-info.txt, manifest-*.txt, tagmanifest-*.txt
                            the bag: its version, its labels, the digests of data/ and of the rest
{fetch_line}
Not every folder is there in every package. What was copied to metadata/ also lies where it was in data/.


WHERE IT CAME FROM

    Object          {object}
    Version         {version}
    Submission      {submission}
    Policy          {policy}

A file whose digest differs has been damaged or changed. If other copies of this same folder were made
when it was stored, look there for the file as it was.
"""

_ENCODED: Final = """\
Some names below data/ ({count} of them) hold a percent sign, a carriage return or a line feed. The
manifest writes these as %25, %0D and %0A, as the RFC asks; {program} does not know that and reports
such files as missing. This checks them, with a POSIX shell alone:

    grep '%' manifest-{algorithm}.txt | while IFS= read -r line; do
      name=$(printf '%s.' "${{line#*  }}" |
        sed 's/\\\\/\\\\\\\\/g; s/%0[Dd]/\\\\r/g; s/%0[Aa]/\\\\n/g; s/%25/%/g')
      name=$(printf '%b' "$name"); name=${{name%.}}
      [ "$({program} < "$name")" = "${{line%% *}}  -" ] || printf 'DIFFERS %s\\n' "${{line#*  }}"
    done

"""


_HARD: Final = """\
{count} below data/ {have} a name with a percent sign, a space at its end, or one of a few rare
characters. bagit.py, the Python program of the Library of Congress, does not read such names in a manifest
(version 1.9) and reports these files as missing, though they are there. The commands above find them.

"""

_FETCH_LINE: Final = "    fetch.txt               which files of data/ lie in earlier versions, and where\n"

_FETCHED: Final = """\

FIRST: FILES THAT LIE IN EARLIER VERSIONS

Of the {files} files of this version, {count} had been kept before and are not repeated here. They lie
in earlier versions of the same object ({versions}), in the folders beside this one, and
fetch.txt says where, one file a line: an address, the size in bytes, the place below this folder.
In an address such as

    {example}

what stands behind the object's name is the path of the file among the folders of the versions;
%20 and the like stand for a byte, in hexadecimal.

To have the whole version in one place, copy the object's folder with all its versions, save these
lines in the copy as fetch.py, beside the versions, and run python3 ../fetch.py in this folder of it:

{ruler}
import os, shutil, urllib.parse

for line in open("fetch.txt", encoding="utf-8", newline="\\n"):
    url, size, name = line.rstrip("\\n").split(" ", 2)
    name = name.replace("%0D", "\\r").replace("%0A", "\\n").replace("%25", "%")
    os.makedirs(os.path.dirname(name), exist_ok=True)
    shutil.copyfile("../" + urllib.parse.unquote(url.split("/", 4)[4]), name)
{ruler}

Then the commands below find every file.

"""


def readme(contents: PackageContents, tally: PayloadTally) -> bytes:
    """Return the text of ``README.txt``, in plain English, with commands that work where it lies."""
    algorithm = contents.algorithm.value
    program = f"{algorithm}sum"
    title = f"{contents.package.object}, version {contents.package.version}"
    text = _BODY.format(
        title=title,
        rule="=" * len(title),
        object=contents.package.object,
        version=contents.package.version,
        date=contents.created_at.date().isoformat(),
        software=f"{contents.software.name} {contents.software.version}",
        name=contents.software.name,
        program=program,
        algorithm=algorithm,
        files=tally.files,
        originals=count(tally.originals, "file"),
        derivatives=count(tally.derivatives, "file"),
        encoded=_ENCODED.format(count=tally.encoded_names, program=program, algorithm=algorithm)
        if tally.encoded_names
        else "",
        hard=_HARD.format(
            count=count(tally.hard_names, "file"), have="has" if tally.hard_names == 1 else "have"
        )
        if tally.hard_names
        else "",
        fetched=_fetched(contents, tally),
        fetch_line=_FETCH_LINE if tally.fetched else "",
        submission=contents.submission.identifier,
        policy=contents.policy.reference,
    )
    return text.encode()


def _fetched(contents: PackageContents, tally: PayloadTally) -> str:
    if not tally.fetched:
        return ""
    first = PackageId(contents.package.object, min(tally.fetched))
    return _FETCHED.format(
        files=tally.files,
        count=tally.fetched.total(),
        versions=tally.kept_earlier,
        example=Locator(first, BagPath("data/originals/page 1.tif")).url,
        ruler="-" * 78,
    )
