"""What is decided: gates, dossier, sign-offs, the state machine, quarantine, release, the governed API."""
