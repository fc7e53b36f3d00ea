"""What happens in a forked worker between its fork and its first job."""
