"""The reference target: servers that keep the contracts, so that a run needs nothing but this checkout.

Imports of ours only `systems`: a target knows what was agreed, and nothing of who is testing it.
"""
