"""Where the values of assets lie: one Parquet or JSON file each, written whole.

Belongs here: the IO manager. Files for people go to ``<home>/artifacts`` and are written by the assets themselves.
"""

import io
from pathlib import Path
from typing import Any

import dagster as dg
import orjson

from artpulse_assets.resources import Workshop
from artpulse_core.exchange.files import write_whole


class AssetFiles(dg.ConfigurableIOManager):
    """Data frames as Parquet, plain documents as JSON, under ``<home>/assets/<problem>/``."""

    workshop: dg.ResourceDependency[Workshop]

    def _base(self, key: dg.AssetKey) -> Path:
        return self.workshop.settings.home / "assets" / Path(*key.path)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write the value of an asset whole."""
        if obj is None:
            return
        base = self._base(context.asset_key)
        if isinstance(obj, dict):
            write_whole(base.with_suffix(".json"), orjson.dumps(obj, option=orjson.OPT_SERIALIZE_NUMPY))
        else:
            buffer = io.BytesIO()
            obj.to_parquet(buffer, index=False)
            write_whole(base.with_suffix(".parquet"), buffer.getvalue())

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the value of an upstream asset."""
        base = self._base(context.asset_key)
        if base.with_suffix(".json").exists():
            return orjson.loads(base.with_suffix(".json").read_bytes())
        if not base.with_suffix(".parquet").exists():
            raise dg.Failure(
                f"{context.asset_key.to_user_string()} was never materialized; materialize it first.",
                allow_retries=False,
            )
        import pandas as pd

        return pd.read_parquet(base.with_suffix(".parquet"))
