"""
The installed commands `ovenbird` and `ovenbird-worker`.

Each checks the installation before it imports a package whose name another distribution may use.
"""

from __future__ import annotations

from ovenbird.installation import refuse_foreign_files


def command() -> None:
    refuse_foreign_files()
    from starter import main

    main()


def worker() -> None:
    refuse_foreign_files()
    from worker import main

    main()
