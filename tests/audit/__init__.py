"""What is known of the dependencies' vulnerabilities."""
