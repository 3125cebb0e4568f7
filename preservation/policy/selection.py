"""What a policy says of a file. Pure, and total: every file gets a decision with its reason."""

from preservation.model.decisions import Action, Decision
from preservation.model.files import SurveyedFile
from preservation.model.paths import RelativePath
from preservation.policy.intake import JunkAction
from preservation.policy.rules import JUNK, OTHERWISE
from preservation.policy.schema import Policy


def decide(policy: Policy, file: SurveyedFile) -> Decision:
    """Return the policy's word on ``file``.

    Junk that the policy leaves out comes first, then the one rule that takes the file, then ``otherwise``.
    The format is ``identification.decided`` alone: a file whose format is in doubt has none.
    """
    if is_left_out(policy, file.path):
        because = "Its name said that the drop was complete, and nothing else."
        if not is_sign(policy, file.path):
            pattern = policy.junk.first_match(file.path)
            because = f"Junk that this policy leaves out: it fits the pattern {pattern}."
        return Decision(file.path, Action.LEAVE_OUT, JUNK, because)
    claim = policy.matchers.on(file)
    if claim is None:
        otherwise = policy.terms.otherwise
        return Decision(file.path, Action(otherwise.action), OTHERWISE, otherwise.because)
    return Decision(
        path=file.path,
        action=claim.action,
        rule=claim.identifier,
        because=claim.rule.because,
        normalize=claim.normalize,
        prove=claim.proofs,
        access=claim.access,
        accept_loss=claim.accept_loss,
    )


def is_sign(policy: Policy, path: RelativePath) -> bool:
    """Say whether ``path`` only shows, as this policy asks for it, that the drop was complete."""
    return path in policy.signs


def is_junk(policy: Policy, path: RelativePath) -> bool:
    """Say whether the policy calls ``path`` junk, whatever becomes of it, or it is a sign."""
    return is_sign(policy, path) or policy.junk.matches(path)


def is_left_out(policy: Policy, path: RelativePath) -> bool:
    """Say whether ``path`` is a sign, or is junk and the policy leaves junk out."""
    leaves_junk_out = policy.terms.intake.junk_action is JunkAction.LEAVE_OUT
    return is_sign(policy, path) or (leaves_junk_out and policy.junk.matches(path))


def is_descriptive(policy: Policy, path: RelativePath) -> bool:
    """Say whether ``path`` holds supplied descriptive metadata."""
    return policy.descriptive.matches(path)
