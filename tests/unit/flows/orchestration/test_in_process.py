"""What the flow needs is imported once a process; what comes after it can still be collected."""

from __future__ import annotations

import gc
from pathlib import Path

from support.archives import Archive
from support.flow_runs import surroundings

from flows.installation.settings import Settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.in_process import import_prefect


def test_the_garbage_of_a_run_is_not_frozen_with_what_the_next_one_imports(settings: Settings):
    api = PrefectApi("http://127.0.0.1:1/api")
    with surroundings(Archive(Path(settings.directory), api.url)):
        import_prefect(settings, api)
        frozen = gc.get_freeze_count()
        # Seen on a long run of many: each froze what the one before had left behind.
        left_behind = [[] for _ in range(1_000)]
        for one in left_behind:
            one.append(one)
        import_prefect(settings, api)
        assert gc.get_freeze_count() == frozen
        assert gc.isenabled()
