"""The largest number of takes that are ranked at once."""

MOST_TAKES = 64
