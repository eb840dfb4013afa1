"""Read by every Python that a lab starts: what it starts of the engine is forked by the nursery."""

from tests.nursery import serve_this_process

serve_this_process()
