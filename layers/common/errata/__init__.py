"""Errata: a serverless error tracker that a team deploys into its own AWS account."""
