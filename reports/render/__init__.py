"""verdict.json as pages, summaries and exports."""
