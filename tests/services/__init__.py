"""Services through Apprise: a fake one, and what the library makes of it."""
