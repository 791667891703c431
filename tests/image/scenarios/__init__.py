"""What the image is put through, one module a topic. Importing a module registers its scenarios in order.

Every scenario is for itself: a machine that has run nothing yet, a prefix of its own.
"""

# isort: skip_file
from . import stand_in, image, uploads, downloads, failures, stops  # noqa: F401
from . import credentials, starts  # noqa: F401
from .base import ALL, Test  # noqa: F401
