"""Who calls: API keys, bearer tokens and client certificates, each belonging to a known caller."""
