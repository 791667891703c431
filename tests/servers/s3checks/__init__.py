"""The checks of s3probe.py, one module a topic. Importing a module registers its checks in order."""

# isort: skip_file
from . import objects, listing, multipart, copies, conditions  # noqa: F401
from . import checksums, parts, versions, chunks, access  # noqa: F401
