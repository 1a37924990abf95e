"""What carriers send back, read: receipt texts and webhook bodies. Pure parsers that never fail."""
