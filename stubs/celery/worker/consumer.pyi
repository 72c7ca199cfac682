from typing import Any

class Consumer:
    def ensure_connected(self, conn: Any) -> Any: ...
