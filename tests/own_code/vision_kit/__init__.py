"""A user's package: tests/e2e/test_own_code.py trains, evaluates, pushes and serves with it."""
