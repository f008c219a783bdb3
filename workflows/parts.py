"""A release and a rollback, each made of its parts. Every part is given only what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.continuing import run_state
from workflows.failures import shielded
from workflows.run import Run
from workflows.steps.approval import Approval
from workflows.steps.attach import Attach, Leaving
from workflows.steps.compensations import Compensations
from workflows.steps.draining import Draining
from workflows.steps.fleet import Fleet
from workflows.steps.hooks import Hooks
from workflows.steps.images import Images
from workflows.steps.last_look import LastLook
from workflows.steps.looks import Looks
from workflows.steps.marking import Marking
from workflows.steps.mending import Mending
from workflows.steps.parking import Parking
from workflows.steps.pinning import Pinning
from workflows.steps.pruning import Pruning
from workflows.steps.restoring import Restoring
from workflows.steps.scaling import ScalingPolicies
from workflows.steps.seen_ending import SeenEnding
from workflows.steps.serving_alone import ServingAlone
from workflows.steps.shared_bake import SharedBake
from workflows.steps.traffic import Traffic
from workflows.steps.waking import Waking
from workflows.steps.watching import Watching
from workflows.steps.weighted import Weighted
from workflows.steps.windows import Windows
from workflows.way_back import WayBack
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from domain import names, traffic
    from domain.continued import Continued
    from domain.errors import DIRTY
    from domain.facts import Facts
    from domain.models import Image, Released
    from domain.status import Side, Status


@dataclass(frozen=True)
class Cutover:
    """What a release and a rollback share."""

    run: Run
    facts: Facts
    world: World
    way_back: WayBack
    traffic: Traffic
    watching: Watching
    approval: Approval
    parking: Parking
    seen_ending: SeenEnding

    def state(self, admitted: Continued) -> Continued:
        """What the next run needs of what was `admitted` once, and of what has happened since."""
        since = {
            "run": run_state(self.run),
            "world": self.world.now,
            "way_back": self.way_back.state(),
        }
        return admitted.model_copy(update=since)

    def status(self) -> Status:
        sides = {"green": self._side(self.facts.green, self.facts.version.tag)}
        if blue := self.facts.blue:
            sides["blue"] = self._side(blue.name, blue.tag)
        known = sides | {"weights": self.traffic.shares()}
        return self.run.status().model_copy(update=known)

    def _side(self, name: str, tag: str) -> Side | None:
        group, arns = self.world.groups.get(name), self.facts.arns_of(name)
        if group is None:
            return None
        in_balancer = not traffic.detached(group, arns)
        looked = group.health if in_balancer else None
        return Side(
            deployment=name,
            tag=tag,
            desired=group.desired,
            minimum=group.min,
            in_balancer=in_balancer,
            healthy=looked.units if looked and looked.asked else None,
        )

    async def ended(self, image: Image | None, pruned: tuple[str, ...] = ()) -> Released:
        """Raises ApplicationError: Dirty where green does not answer every request."""
        facts = self.facts
        ending = await shielded(self.seen_ending.after_cutover(), self.run.note)
        serves = f"{facts.stack.name} serves {facts.version.tag}"
        if ending.broken:
            self.run.ends("dirty", f"{facts.green} took over, and yet {ending.broken}")
            raise self._dirty(ending.broken)
        self.run.ends("released", f"{serves}: {ending.who}")
        return Released(
            stack=facts.stack.name,
            tag=facts.version.tag,
            commit=facts.version.commit,
            deployment=facts.green,
            image=image.id if image else None,
            parked=facts.blue.name if facts.blue else None,
            pruned=pruned,
            notes=self.run.operator.notes,
        )

    def _by_hand(self) -> str:
        """Blue keeps its size where green was not seen to answer before it was to be parked."""
        facts, blue = self.facts, self.world.group_of(self.facts.blue)
        if blue and blue.desired:
            return names.membership_by_hand("attach", blue.name, facts.blue_arns)
        return f"ovenbird sweep {facts.stack.name}"

    def _dirty(self, reason: str) -> ApplicationError:
        stack, tag = self.facts.stack.name, self.facts.version.tag
        left = [{"what": reason, "by_hand": self._by_hand()}]
        details = {"stack": stack, "tag": tag, "reason": reason, "left": left}
        return ApplicationError(self.run.outcome, details, type=DIRTY, non_retryable=True)


@dataclass(frozen=True)
class Release(Cutover):
    images: Images
    fleet: Fleet
    pruning: Pruning

    @classmethod
    def of(cls, run: Run, state: Continued) -> Release:
        facts, world, identity = state.facts, World(state.world), state.identity
        assert identity
        bake = SharedBake(run, facts.stack, identity)
        hooks = Hooks(run, facts, world)
        way_back = _way_back(run, state, world, hooks, bake)
        policies = ScalingPolicies(run, facts)
        pinning = Pinning(run, facts, world, way_back)
        cutover = _cutover(run, facts, world, way_back, hooks, policies, gradually=True)
        return cls(
            **vars(cutover),
            images=Images(run, facts, world, way_back, identity, bake, hooks),
            fleet=Fleet(run, facts, world, way_back, pinning, policies),
            pruning=Pruning(run, facts),
        )


@dataclass(frozen=True)
class Rollback(Cutover):
    waking: Waking

    @classmethod
    def of(cls, run: Run, state: Continued) -> Rollback:
        facts, world = state.facts, World(state.world)
        hooks = Hooks(run, facts, world)
        way_back = _way_back(run, state, world, hooks, None)
        policies = ScalingPolicies(run, facts)
        pinning = Pinning(run, facts, world, way_back)
        fleet = Fleet(run, facts, world, way_back, pinning, policies)
        cutover = _cutover(run, facts, world, way_back, hooks, policies, gradually=False)
        looks = Looks(run, facts, world)
        waking = Waking(run, facts, world, way_back, looks, pinning, fleet, policies, state.image)
        return cls(**vars(cutover), waking=waking)


def _way_back(
    run: Run, state: Continued, world: World, hooks: Hooks, bake: SharedBake | None
) -> WayBack:
    facts = state.facts
    limit = facts.stack.timeouts.way_back
    restoring = Restoring(run, facts.stack, facts.wiring, world, limit)
    compensations = Compensations(run, facts, world, LastLook(run, facts, world, restoring), bake)
    look = SeenEnding(run, facts, world, Mending(run, facts, world)).after_way_back
    tell = hooks.tell_of_rollback
    return WayBack(run, facts, compensations.carry_out, tell, look, state.way_back)


def _cutover(
    run: Run,
    facts: Facts,
    world: World,
    way_back: WayBack,
    hooks: Hooks,
    policies: ScalingPolicies,
    *,
    gradually: bool,
) -> Cutover:
    looks = Looks(run, facts, world)
    watching = Watching(run, facts, world, looks)
    windows = Windows(run, facts)
    leaving = Leaving(run, facts, world, way_back, watching)
    marking = Marking(run, facts, world, way_back)
    strategy: Attach | Weighted = Attach(facts, world, leaving, watching)
    if routing := facts.routing:
        strategy = Weighted(
            run, facts, world, routing, way_back, leaving, watching, gradually=gradually
        )
    seen_ending = SeenEnding(run, facts, world, Mending(run, facts, world))
    draining = Draining(run, facts, world, strategy, looks, watching)
    return Cutover(
        run=run,
        facts=facts,
        world=world,
        way_back=way_back,
        traffic=Traffic(
            run,
            facts,
            world,
            strategy,
            looks,
            watching,
            windows,
            draining,
            policies,
            hooks,
            marking,
        ),
        watching=watching,
        approval=Approval(run, facts, windows, strategy.until_approval),
        parking=Parking(run, facts, world, ServingAlone(run, facts, world), seen_ending),
        seen_ending=seen_ending,
    )
