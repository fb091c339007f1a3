"""The verbs of the command line; here alone a failure becomes a line and an exit code."""
