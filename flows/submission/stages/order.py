"""The stages of a submission, in their order."""

from flows.submission.stages.normalize import NORMALIZE
from flows.submission.stages.package import PACKAGE
from flows.submission.stages.plan import PLAN
from flows.submission.stages.register import REGISTER
from flows.submission.stages.replicate import REPLICATE
from flows.submission.stages.screen import SCREEN
from flows.submission.stages.survey import SURVEY

STAGES = {stage.name: stage for stage in (SURVEY, SCREEN, PLAN, NORMALIZE, PACKAGE, REPLICATE, REGISTER)}
