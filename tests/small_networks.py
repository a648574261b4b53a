"""Every network with few units and filters, and its whole depth: what is true of any size is soon
seen in them."""

from typing import Any

from har.models import registry

SIZES = {"units": 8, "frame": 8, "filters": 8, "bottleneck": 8, "shares": 4}


def params(name: str) -> dict[str, Any]:
    return {key: size for key, size in SIZES.items() if key in registry.get(name).defaults}
