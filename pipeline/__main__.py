import sys

from pipeline import surroundings
from pipeline.program import exit_at_once

surroundings.pin()  # before the libraries that read the variables
try:
    from cli.command_line import main
except KeyboardInterrupt:
    sys.exit(130)

exit_at_once(main())
