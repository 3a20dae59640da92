from fogbed.notebook import Run as Run
from fogbed.notebook import list_runs as list_runs
from fogbed.notebook import open_run as open_run
from fogbed.notebook import query as query

__version__: str
