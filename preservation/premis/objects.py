"""Objects (section 1): the intellectual entity, the representation, and every file of the payload."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.digests import Digests
from preservation.model.dossiers import Dossier
from preservation.model.files import SurveyedFile
from preservation.model.paths import BagPath, is_utf8, shown
from preservation.premis.characteristics import (
    derivative_format,
    formats,
    inhibitors,
    significant_properties,
)
from preservation.premis.contents import PremisContents
from preservation.premis.naming import (
    engine_agent,
    entity_identifier,
    event_identifier,
    file_identifier,
    normalization_event,
    package_identifier,
    screening_event,
)
from preservation.premis.units import controlled, leaf, moment, optional_leaf, unit
from preservation.premis.vocabulary import (
    DERIVATION,
    DIGEST_ALGORITHMS,
    HAS_SOURCE,
    IS_INCLUDED_IN,
    IS_SOURCE_OF,
    LEVEL_TYPES,
    REPRESENTS,
    STRUCTURAL,
    Term,
)
