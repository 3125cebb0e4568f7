"""The caged worker, started as in production, which also knows the jobs of ``support.drill``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from support import drill

from preservation.tools import worker

# A worker accepts jobs of Muniment only.
sys.modules["preservation.tools.drill"] = drill
worker.main()
