"""The systems under test: for each its facts (a module) and its plan (the TOML of the same stem).

Standard library only, and nothing of ours outside this folder: seeding, users, target and
verification all import it, so whatever they must agree on is stated here and nowhere else.
"""
