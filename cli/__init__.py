"""The command line: its verbs parse and print; the rooms below do the work.

`command_line.main` is the one place where a failure becomes a message and an exit code.
"""
