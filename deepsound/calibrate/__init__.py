"""Calibration of judges: their verdicts on labelled clips against the labels and each other."""
