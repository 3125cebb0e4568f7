"""Handing a flow run from Prefect's worker to a process that has everything imported already."""
