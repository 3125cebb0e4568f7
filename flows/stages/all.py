"""The stages of a submission, in their order."""

from __future__ import annotations

from flows.stages.normalizing import NORMALIZE
from flows.stages.packaging import PACKAGE
from flows.stages.planning import PLAN
from flows.stages.registering import REGISTER
from flows.stages.replicating import REPLICATE
from flows.stages.screening import SCREEN
from flows.stages.surveying import SURVEY

STAGES = {stage.name: stage for stage in (SURVEY, SCREEN, PLAN, NORMALIZE, PACKAGE, REPLICATE, REGISTER)}
