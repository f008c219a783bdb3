"""
An AWS region on a laptop, real enough to break.

moto answers the API; instances, images, health checks and the balancer are real (see README.md). It is a program of its
own: nothing here imports the rest of the project, which reaches it through `AWS_ENDPOINT_URL` alone.
"""
