"""What every run needs, whatever the system under test."""
