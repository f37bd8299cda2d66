"""A kill at a writing of a checkpoint, and what was written before it."""


class KilledError(Exception):
    """Stands for a kill."""


class Memory:
    """A checkpoint that remembers the last content, and kills the training at a writing."""

    def __init__(self, kill_at: int = 0) -> None:
        self.content: bytes | None = None
        self.writes, self.kill_at = 0, kill_at

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content
        self.writes += 1
        if self.writes == self.kill_at:
            raise KilledError
