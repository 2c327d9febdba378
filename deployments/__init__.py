"""What starts the flows: their deployments, and the service that runs them."""
