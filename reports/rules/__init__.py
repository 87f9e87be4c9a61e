"""What each rule says of a run."""
