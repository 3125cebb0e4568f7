"""Jobs: flows besides ``preserve``, which operators start in the Prefect UI, and some of them a schedule."""
