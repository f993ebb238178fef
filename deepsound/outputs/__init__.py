"""Output files of a run: sounds, video, pictures, `<stem>.result.json`; placed at once."""

from deepsound.outputs.leftovers import clear_leftovers
from deepsound.outputs.reading import read_result
from deepsound.outputs.record import SCHEMA_VERSION, Result
from deepsound.outputs.staging import OutputStaging

__all__ = ["SCHEMA_VERSION", "OutputStaging", "Result", "clear_leftovers", "read_result"]
