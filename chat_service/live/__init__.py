"""The live bus: previews of what is being said, lossy, and never the truth."""

from chat_service.live.bus import LiveBus, LiveEvent, Preview
from chat_service.live.opening import open_bus

__all__ = ["LiveBus", "LiveEvent", "Preview", "open_bus"]
