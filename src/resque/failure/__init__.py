"""What is written down of a job that failed, and where."""
