"""
An AWS region on a laptop, for tests: moto answers the API, what it describes is real (README.md).

Whoever uses it reaches it through `AWS_ENDPOINT_URL` alone.
"""

import os

# moto reads it when it is imported: hundreds of images that nobody asked for take a second.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
