import sys

try:
    from pipeline.command_line import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())
