"""What the correlate worker is compared with."""
