import sys

try:
    from cli.command_line import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())
