"""Networks only: torch modules whose state-dict keys are the published ones.

They know no files and no devices.
"""
