"""Detectors of anomalies in route health: pure functions of windows and what is usual."""
