"""A small system to begin with: its files, and a server that it runs against."""
