"""Search: what to try next, who goes on, and how a study survives a kill."""
