"""A plan: from TOML to a scenario that is resolved and checked, before anything is started."""
