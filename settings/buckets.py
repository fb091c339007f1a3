"""Addresses in buckets, and the keys of a source that may be in one."""

from typing import Annotated

from pydantic import Field

from settings.folders import folder_or_home
from settings.plain_paths import NO_NAME, NOT_PLAIN, PLAIN_OR_HOME
from settings.section import Section

ADDRESS = rf"{NO_NAME}(s3|gs)://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](/[^{NOT_PLAIN}]*)?"
IN_WORDS = "an s3:// or gs:// address"
CacheFolder = folder_or_home(PLAIN_OR_HOME, "a folder of this machine")
DEFAULT_CACHE = "~/.cache/steadyfeed/buckets"


class Cached(Section):
    """Where the objects of a bucket are copied to, if a source is in one."""

    cache_dir: CacheFolder = Field(
        DEFAULT_CACHE,
        description="the folder of local copies of what is in buckets; a run copies what is new",
    )
    cache_gb: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="GB of such copies of all sources together; those used longest ago go first; "
        "omit for no limit",
    )
