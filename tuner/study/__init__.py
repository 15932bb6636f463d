"""Study: one loop for every study, what its record keeps, and what it ends in."""
