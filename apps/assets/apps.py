from __future__ import annotations

import warnings

from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "apps.assets"
    label = "assets"

    def ready(self) -> None:
        """Let Pillow refuse, in every process, what has more pixels than we take (it errors at twice its own mark)."""
        from PIL import Image

        from apps.assets.kinds import PIXELS_MAX

        Image.MAX_IMAGE_PIXELS = PIXELS_MAX // 2
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
