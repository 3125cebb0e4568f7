"""The formats that persons set by hand, put above what the engines found."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from flows.installation.settings import Settings
from flows.submission.rulings import formats_for
from flows.submission.stages.stage import ingest_events_of
from flows.submission.workspace import Workspace
from preservation.model.events import Event
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.identifiers import ObjectId
from preservation.model.rulings import FormatRuling


def with_formats(
    entries: Iterable[SurveyedFile | IrregularEntry], owner: ObjectId, settings: Settings
) -> Iterable[SurveyedFile | IrregularEntry]:
    """Return the entries, those of which a person set the format with that; raise ``IntegrityError``."""
    formats = formats_for(owner, settings)
    return (_ruled(one, formats.get(one.path)) for one in entries) if formats else entries


def format_events(workspace: Workspace, settings: Settings) -> Iterator[Event]:
    """Yield an event for each file of which a person had set the format."""
    formats = formats_for(workspace.submission.object, settings)
    ingest = ingest_events_of(workspace)
    for file in workspace.surveyed() if formats else ():
        if one := formats.get(file.path):
            yield ingest.ruled(one.sentence, one.because, one.by, one.at)


def _ruled(
    entry: SurveyedFile | IrregularEntry, ruling: FormatRuling | None
) -> SurveyedFile | IrregularEntry:
    if ruling is None or isinstance(entry, IrregularEntry):
        return entry
    return replace(entry, identification=ruling.applied(entry.identification))
