import sys

from pipeline import surroundings

surroundings.pin()  # before the libraries that read the variables
try:
    from cli.command_line import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())
