"""What route health is made of: latency histograms with fixed buckets, and sketches of recipients. Pure.

Correlate fills them and the detectors read them; both sides merge them, so every form here merges exactly.
"""
