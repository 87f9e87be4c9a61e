"""Speed, measured: as ratios between things run alternately in one go, medians of several. Never a test."""
