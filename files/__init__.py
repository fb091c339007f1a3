"""What is on the disk: written whole, published in one rename, locked, walked by records."""
