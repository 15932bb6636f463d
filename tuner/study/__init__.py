"""Study: the loop of every study, its record and its ending."""
