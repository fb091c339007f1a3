"""Any number of classes an image."""
