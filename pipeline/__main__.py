import sys

from pipeline.command_line import main

sys.exit(main())
