"""A studio for each test; the videos are rendered by the tests themselves."""

from tests.media.studio import client, media_settings, new_studio, stream, studio  # noqa: F401 - fixtures
