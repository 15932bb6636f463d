"""Export: writes code that trains the winner of a study without the study."""
