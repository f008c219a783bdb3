"""
Reads an instance's metadata, and SSM parameters and secrets with its own role.

Standard library and Python 3.6 only. Like AWS's SDKs it honours AWS_ENDPOINT_URL and
AWS_EC2_METADATA_SERVICE_ENDPOINT.
"""

import datetime
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

# Seconds. The role and the network of a new instance need some time, and many instances may call at
# the same time.
TIMEOUT = 60
TRANSIENT_CODES = (
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "ExpiredToken",
)
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")


def metadata(path, default=None):
    """By IMDSv2. Raises LookupError where there is none and no default."""
    ask = urllib.request.Request(
        METADATA + "/latest/api/token",
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"},
    )
    token = urllib.request.urlopen(ask, timeout=10).read().decode()
    try:
        ask = urllib.request.Request(
            METADATA + "/latest/" + path, headers={"X-aws-ec2-metadata-token": token}
        )
        return urllib.request.urlopen(ask, timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        if error.code != 404 or default is None:
            raise LookupError("the metadata service has no %s (%s)" % (path, error))
        return default


def parameter(name):
    """The value of an SSM parameter, decrypted."""
    return call("ssm", "AmazonSSM.GetParameter", {"Name": name, "WithDecryption": True})[
        "Parameter"
    ]["Value"]


def parameters(path):
    """All parameters below a path, by the last part of their names."""
    found, token = {}, None
    while True:
        ask = {"Path": path, "WithDecryption": True, "Recursive": False}
        if token:
            ask["NextToken"] = token
        page = call("ssm", "AmazonSSM.GetParametersByPath", ask)
        found.update(
            (item["Name"].rsplit("/", 1)[-1], item["Value"]) for item in page["Parameters"]
        )
        token = page.get("NextToken")
        if not token:
            return found


def secret(name):
    """A secret string of Secrets Manager."""
    return call("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": name})[
        "SecretString"
    ]


class TransientError(LookupError):
    """The next try may succeed."""


def call(service, target, body):
    """A signed call of a JSON API, retried for a minute on transient errors. Raises LookupError."""
    deadline, pause = time.time() + TIMEOUT, 0.2
    while True:
        try:
            return call_once(service, target, body)
        except (TransientError, OSError) as error:
            if time.time() + pause > deadline:
                raise LookupError(
                    "%s did not answer %s: %s" % (service, target.rsplit(".")[-1], error)
                )
        time.sleep(pause)
        pause = min(5, pause * 2)


def call_once(service, target, body):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    region = metadata("meta-data/placement/region")
    role = metadata("meta-data/iam/security-credentials/", "").split("\n")[0]
    if not role:
        raise TransientError("this instance has no profile (yet): it may not ask AWS for anything")
    credentials = json.loads(metadata("meta-data/iam/security-credentials/" + role))
    domain = metadata("meta-data/services/domain", "amazonaws.com")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or "https://%s.%s.%s" % (service, region, domain)
    host = urllib.parse.urlsplit(endpoint).netloc
    payload = json.dumps(body).encode()
    now = datetime.datetime.utcnow()
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": credentials["Token"],
        "x-amz-target": target,
    }
    signed = ";".join(sorted(headers))
    request = "\n".join(
        [
            "POST",
            "/",
            "",
            *("%s:%s" % (name, headers[name]) for name in sorted(headers)),
            "",
            signed,
            hashlib.sha256(payload).hexdigest(),
        ]
    )
    scope = "%s/%s/%s/aws4_request" % (day, region, service)
    text = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()]
    )
    key = ("AWS4" + credentials["SecretAccessKey"]).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"
        % (
            credentials["AccessKeyId"],
            scope,
            signed,
            signature,
        )
    )
    try:
        ask = urllib.request.Request(endpoint + "/", data=payload, headers=headers)
        return json.loads(urllib.request.urlopen(ask, timeout=20).read().decode())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        kind = (
            TransientError
            if error.code >= 500 or any(code in said for code in TRANSIENT_CODES)
            else LookupError
        )
        try:
            said = "%s: %s" % (
                json.loads(said).get("__type", ""),
                json.loads(said).get("message") or json.loads(said).get("Message"),
            )
        except ValueError:
            pass
        raise kind("%s refused %s: %s" % (service, target.rsplit(".")[-1], said))
