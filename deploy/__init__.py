"""How the product is started: containers, Kubernetes, and (in `deploy.local`) on one machine."""
