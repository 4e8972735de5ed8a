"""Videos that are registered where they lie: below the service's folders, or by a key of its object store."""

from pathlib import Path

import pytest

from media.sources import forget_removed
from tests.clipledger.front_door import problem
from tests.media.studio import Studio


async def test_a_file_of_the_service_s_folder_is_registered_by_its_path_and_stays(
    studio: Studio, stream: bytes
) -> None:
    path = studio.folder / f"{studio.book}.mp4"
    path.write_bytes(stream)
    body = {"title": "By path", "video": {"path": str(path)}}
    made = await studio.made("sources/import", body, by=studio.operator)
    assert (await studio.fingerprinted(made["source_id"]))["state"] == "ready"
    await studio.delete(f"sources/{made['source_id']}")
    await forget_removed(studio.engine, studio.storage)
    assert path.exists()


async def test_an_object_of_the_store_is_registered_by_its_key(studio: Studio, stream: bytes) -> None:
    key = f"recordings/{studio.book}.mp4"
    await studio.storage.put(key, stream)
    made = await studio.made("sources/import", {"title": "By key", "video": {"key": key}}, by=studio.operator)
    assert (await studio.fingerprinted(made["source_id"]))["state"] == "ready"


async def test_only_who_runs_the_service_names_its_files(studio: Studio) -> None:
    refused = await studio.post("sources/import", {"title": "x", "video": {"path": "/etc/passwd"}})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "named",
    [
        "/etc/passwd",
        "{folder}/../secret.mp4",
        "{folder}/link.mp4",
        "{folder}/linked/secret.mp4",
        "{folder}/a\0.mp4",
        "",
    ],
)
async def test_no_path_leads_out_of_the_folders(studio: Studio, named: str, tmp_path: Path) -> None:
    secret = studio.folder.parent / "secret.mp4"
    secret.write_bytes(b"secret")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    for link, target in (("link.mp4", secret), ("linked", tmp_path)):
        (studio.folder / link).unlink(missing_ok=True)
        (studio.folder / link).symlink_to(target)
    body = {"title": "x", "video": {"path": named.format(folder=studio.folder)}}
    refused = await studio.post("sources/import", body, by=studio.operator)
    assert refused.status_code == 422
    assert problem(refused)["type"] == "/problems/place-not-allowed"


async def test_a_file_that_became_a_link_is_not_followed(studio: Studio, stream: bytes, tmp_path: Path) -> None:
    path = studio.folder / f"{studio.book}-swapped.mp4"
    path.write_bytes(stream)
    made = await studio.made("sources/import", {"title": "x", "video": {"path": str(path)}}, by=studio.operator)
    (tmp_path / "other.mp4").write_bytes(stream)
    path.unlink()
    path.symlink_to(tmp_path / "other.mp4")
    done = await studio.fingerprinted(made["source_id"])
    assert done["failure"]["code"] == "video-file-not-found"


@pytest.mark.parametrize("key", ["books/1/uploads/1", "../x", "a//b", "/a", "", "a\0b", "a/./b", "k" * 1001])
async def test_no_key_leads_to_what_others_uploaded(studio: Studio, key: str) -> None:
    refused = await studio.post("sources/import", {"title": "x", "video": {"key": key}}, by=studio.operator)
    assert problem(refused)["type"] == "/problems/place-not-allowed"


@pytest.mark.parametrize("video", [{}, {"path": "/a", "key": "b"}])
async def test_a_place_is_told_in_exactly_one_way(studio: Studio, video: dict[str, str]) -> None:
    refused = await studio.post("sources/import", {"title": "x", "video": video}, by=studio.operator)
    assert problem(refused)["type"] == "/problems/invalid-place"


async def test_what_is_not_there_is_not_registered(studio: Studio) -> None:
    for video in ({"path": str(studio.folder / "none.mp4")}, {"key": "recordings/none.mp4"}):
        refused = await studio.post("sources/import", {"title": "x", "video": video}, by=studio.operator)
        assert (refused.status_code, problem(refused)["type"]) == (404, "/problems/video-file-not-found")
