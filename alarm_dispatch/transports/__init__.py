"""What carries requests: one module for each library, imported where it is used."""
