"""Arrays as CTranslate2 takes them."""

from __future__ import annotations

from typing import Any

import numpy as np


def storage(array: Any) -> Any:
    """For CTranslate2, which keeps pointing at the array's memory and asks for one without gaps."""
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))
