"""What each format's message looks like: the page of the documentation, and its pictures."""
