"""What the tables in a drop say of it: recorded with the survey, and read when the package is planned."""

from dataclasses import replace

from flows.submission.workspace import Workspace
from preservation.descriptions.codes import FILES_WITHOUT_ROW, ROWS_WITHOUT_FILE
from preservation.descriptions.drop import DescribedDrop
from preservation.descriptions.reading import describes_objects
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath
from preservation.model.submissions import Received
from preservation.policy.globs import PathMatcher
from preservation.policy.metadata_columns import DescriptiveMetadata
from preservation.policy.schema import Policy
from preservation.policy.selection import is_descriptive, is_sign
from preservation.survey.supplied import goes_unlisted


def describe(workspace: Workspace, received: Received) -> None:
    """Read the descriptive tables of a surveyed drop, and record what they say, and what they do not say."""
    policy = workspace.policy
    tables = [
        file.path
        for file in workspace.surveyed()
        if describes_objects(file.path) and is_descriptive(policy, file.path)
    ]
    manifests = {manifest.path for manifest in workspace.supplied.so_far}

    def needs_no_row(path: RelativePath) -> bool:
        by_name = goes_unlisted(path) or is_sign(policy, path) or is_descriptive(policy, path)
        return by_name or path in manifests

    described = DescribedDrop(received.payload_root, tables, workspace.submission.object.name)
    workspace.described.write(described.files(file.path for file in workspace.surveyed()))
    description = described.description((file.path for file in workspace.surveyed()), needs_no_row)
    issues = (issue for issue in description.issues if not _is_left_to_screening(issue, policy))
    workspace.description.write([replace(description, issues=tuple(issues))])


def _is_left_to_screening(issue: Issue, policy: Policy) -> bool:
    """Return whether a screen of the policy looks for the same in the same table: once is enough."""
    screens = [
        screen
        for screen in policy.screens(DescriptiveMetadata)
        if issue.path is not None and PathMatcher(screen.paths).matches(issue.path)
    ]
    of_files = issue.code == FILES_WITHOUT_ROW and any(screen.row_for for screen in screens)
    return of_files or (issue.code == ROWS_WITHOUT_FILE and bool(screens))
