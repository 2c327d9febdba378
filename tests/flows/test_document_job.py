"""The flows through Prefect: runs, tasks, artifacts and failures as a person sees them in its UI."""

print(1)
