"""What a run needs in the database before its first request, one module a system; a process without gevent."""

from systems import beside

__path__ += beside("seeding")
