"""Mixed instance types, Spot instances and warm pools of a group."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from temporalio import activity

from activities.aws import Aws, sentence, translated
from domain.group_settings import WarmPool
from domain.models import Model
from domain.sections import Mixed


class Distribute(Model):
    """`on_demand`: all later launches are on demand, until another call changes that."""

    region: str
    group: str
    mixed: Mixed
    on_demand: bool


class PutWarmPool(Model):
    region: str
    group: str
    pool: WarmPool


class DeleteWarmPool(Model):
    region: str
    group: str


class Fleets:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def distribute(self, request: Distribute) -> None:
        """
        On demand or Spot. AWS replaces instances that do not fit one by one, new before old.

        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html
        """
        policy: Any = {
            "InstancesDistribution": distribution(request.mixed, on_demand=request.on_demand)
        }
        self._aws.autoscaling(request.region).update_auto_scaling_group(
            AutoScalingGroupName=request.group, MixedInstancesPolicy=policy
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def put_warm_pool(self, request: PutWarmPool) -> None:
        """The same call again changes nothing."""
        pool = request.pool
        most: Any = (
            {} if pool.max_prepared is None else {"MaxGroupPreparedCapacity": pool.max_prepared}
        )
        self._aws.autoscaling(request.region).put_warm_pool(
            AutoScalingGroupName=request.group,
            MinSize=pool.min,
            PoolState=pool.state,
            InstanceReusePolicy={"ReuseOnScaleIn": pool.reuse},
            **most,
        )

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def delete_warm_pool(self, request: DeleteWarmPool) -> None:
        end_warm_pool(self._aws, request.region, request.group)


def end_warm_pool(aws: Aws, region: str, group: str) -> None:
    """
    Does nothing where there is none. ForceDelete ends the pool's instances, which serve nobody.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteWarmPool.html
    """
    try:
        aws.autoscaling(region).delete_warm_pool(AutoScalingGroupName=group, ForceDelete=True)
    except ClientError as error:
        if "No warm pool found" not in sentence(error) and "not found" not in sentence(error):
            raise


def mixed_policy(launch_template: dict[str, str], mixed: Mixed) -> dict[str, Any]:
    """For a new group: all on demand until it serves alone."""
    overrides = [
        {"InstanceType": kind, "WeightedCapacity": str(weight)}
        for kind, weight in mixed.types.items()
    ]
    return {
        "LaunchTemplate": {"LaunchTemplateSpecification": launch_template, "Overrides": overrides},
        "InstancesDistribution": distribution(mixed, on_demand=True),
    }


def distribution(mixed: Mixed, *, on_demand: bool) -> dict[str, Any]:
    return {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": mixed.on_demand_base,
        "OnDemandPercentageAboveBaseCapacity": 100 if on_demand else mixed.on_demand_percentage,
        "SpotAllocationStrategy": mixed.spot_allocation,
    }
