"""The only reader of environment variables: LIENTHONG_JOBS, LIENTHONG_DATA_DIR."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from vietnam.datafiles import InputError


class Settings(BaseSettings):
    """What a machine sets once; options on the command line stand above it."""

    model_config = SettingsConfigDict(env_prefix="LIENTHONG_", extra="ignore")

    jobs: int | None = Field(None, ge=1, le=4096, description="processes a run may use; all cores")
    data_dir: Path = Field(Path("runs"), description="folder under which runs are written")


def load_settings() -> Settings:
    """Settings of this process; InputError names the variable that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "LIENTHONG_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InputError(
            file="environment",
            line=None,
            key=name,
            problem=first["msg"],
            remedy=f"Correct or unset {name}",
        ) from error
