"""The one pipeline definition, for every runner."""
