"""`python -m localcloud.record` adds the installed moto's fingerprints to upstream.json."""

from __future__ import annotations

import json

from localcloud.parts import all_patches
from localcloud.upstream import KNOWN, fingerprint, known_fingerprints


def record(targets: list[str]) -> list[str]:
    """Add the installed moto's fingerprints to the known ones; the targets that were unknown."""
    known = known_fingerprints()
    kept = {target: known.get(target, []) for target in targets}
    changed = [target for target in targets if fingerprint(target) not in kept[target]]
    for target in changed:
        kept[target].append(fingerprint(target))
    KNOWN.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n")
    return changed


def main() -> None:
    targets = sorted({patch.target for patch in all_patches() if patch.kind != "adds"})
    for target in record(targets):
        print(f"recorded {target}")


if __name__ == "__main__":
    main()
