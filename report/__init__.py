"""Pages for people, made from what the components wrote."""
