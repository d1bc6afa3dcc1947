"""Step kinds as a stranger would add them: one file each, in services/flows/steps/."""
