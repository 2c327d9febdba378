"""Steps of a job: load, decide, call, save. Each takes ids, is safe to run twice, and keeps nothing."""
