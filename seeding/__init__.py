"""What a run needs in the database before its first request, one module a system; a process without gevent."""

import harness  # noqa: F401  # says what is missing before it is imported
from systems import beside

__path__ += beside("seeding")
