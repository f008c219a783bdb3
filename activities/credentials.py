"""Reads credentials from SSM parameters and Secrets Manager."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from activities.aws import Aws, sentence, translate
from domain.errors import SourceUnreadable, TransientError
from domain.sections import Credential


def fetch_credential(
    aws: Aws, region: str, credential: Credential, what: str = "application.credential"
) -> str:
    """The credential. Raises SourceUnreadable with AWS's words where the worker cannot read it."""
    try:
        if credential.parameter:
            return aws.ssm(region).get_parameter(Name=credential.parameter, WithDecryption=True)[
                "Parameter"
            ]["Value"]
        assert credential.secret
        return aws.secretsmanager(region).get_secret_value(SecretId=credential.secret)[
            "SecretString"
        ]
    except KeyError:
        raise SourceUnreadable(
            f"the secret {credential.secret} in {region} is binary: "
            "put the key or token there as a string"
        ) from None
    except ClientError as error:
        if isinstance(translate(error), TransientError):
            raise
        where = json.dumps(credential.model_dump(exclude_none=True))
        raise SourceUnreadable(
            f"the worker cannot read {what} {where} in {region}: {sentence(error)}"
        ) from None
