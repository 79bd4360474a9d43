"""The chat robots: what their formats share, and what each has of its own."""
