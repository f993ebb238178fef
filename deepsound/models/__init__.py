"""Networks only: torch modules whose state-dict keys are the published ones; no files, no devices."""
