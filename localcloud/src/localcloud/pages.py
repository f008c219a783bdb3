"""Addresses of AWS's API reference, by service and action."""

_DOCS = "https://docs.aws.amazon.com"


def autoscaling(action: str) -> str:
    return f"{_DOCS}/autoscaling/ec2/APIReference/API_{action}.html"


def cloudwatch(action: str) -> str:
    return f"{_DOCS}/AmazonCloudWatch/latest/APIReference/API_{action}.html"


def ec2(action: str) -> str:
    return f"{_DOCS}/AWSEC2/latest/APIReference/API_{action}.html"


def elb(action: str) -> str:
    """Of classic load balancers."""
    return f"{_DOCS}/elasticloadbalancing/2012-06-01/APIReference/API_{action}.html"


def elbv2(action: str) -> str:
    return f"{_DOCS}/elasticloadbalancing/latest/APIReference/API_{action}.html"


def servicequotas(action: str) -> str:
    return f"{_DOCS}/servicequotas/2019-06-24/apireference/API_{action}.html"


def ssm(action: str) -> str:
    return f"{_DOCS}/systems-manager/latest/APIReference/API_{action}.html"
