"""What the tables in a drop say of it: recorded with the survey, and read when the package is planned."""

from flows.submission.workspace import Workspace
from preservation.descriptions.drop import DescribedDrop
from preservation.descriptions.reading import describes_objects
from preservation.model.paths import RelativePath
from preservation.model.submissions import Received
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
    workspace.description.write([description])
