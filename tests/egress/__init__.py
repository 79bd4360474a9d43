"""What may be called."""
