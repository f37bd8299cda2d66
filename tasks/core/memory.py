"""Lack of memory, told apart from what else breaks a computation.

NumPy raises MemoryError. Torch says it by RuntimeError ("DefaultCPUAllocator: can't allocate
memory", "CUDA out of memory"), XGBoost by its own ("std::bad_alloc", "bad_malloc:
Failed to allocate"), the system by ENOMEM; and a reader of files may have wrapped any of them.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.core.errors import ModelMemoryError, in_one_line

_SAID = (
    "allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "bad_malloc",
    "failed to allocate",
    "memory allocation",
    "alloc_failed",
    "unable to allocate",
)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, or what it was raised from, says that memory was wanting.

    Example:
        >>> lacks_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        True
        >>> lacks_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        False
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, (RuntimeError, ValueError)):
        said = str(error).casefold()
        if any(words in said for words in _SAID):
            return True
    return error.__cause__ is not None and lacks_memory(error.__cause__)


@contextmanager
def memory_for(what: str, where: str, do: str) -> Iterator[None]:
    """Have a lack of memory in the block told as such.

    Args:
        what: what the memory is for.
        where: the setting or file it concerns.
        do: what the user can do.

    Raises:
        ModelMemoryError: there was not the memory for it.
    """
    try:
        yield
    except ModelMemoryError:
        raise
    except Exception as error:
        if not lacks_memory(error):
            raise
        found = in_one_line(error)
        raise ModelMemoryError(f"the memory for {what}", found=found, where=where, do=do) from error
