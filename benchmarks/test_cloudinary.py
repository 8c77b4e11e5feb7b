"""Cloudinary: what each operation costs in the client alone, and with a server on this machine.

Limits are off on both sides: what is measured is the cost of a call, not the wait for the next.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.measured import Measure
from benchmarks.upstreams import cloudinary as model
from benchmarks.upstreams.clients import cloudinary_config
from benchmarks.upstreams.replay import ReplayAdapter
from perfgate.services.cloudinary import (
    CloudinaryService,
    SignatureAlgorithm,
    Transformation,
)
from perfgate.services.resilience import ResilienceSettings
from perfgate.testing.upstream import Engine, Settings, UpstreamClock, start_upstream

UNLIMITED = ResilienceSettings()
STORED = 20
IMAGE = b"an image" * 1000
SMALL = Transformation(crop="fill", width=300, height=200)


def _fill(service: CloudinaryService) -> CloudinaryService:
    for number in range(STORED):
        service.upload(IMAGE, public_id=f"image{number}")
    return service


@pytest.fixture(scope="module", params=["client", "upstream"])
def cloudinary(request: pytest.FixtureRequest) -> Iterator[CloudinaryService]:
    if request.param == "client":
        clock = UpstreamClock()
        engine = Engine(model.create(clock, {}), clock, Settings(limits=()))
        adapter = ReplayAdapter(engine)
        with CloudinaryService(
            cloudinary_config("https://cloudinary.test", UNLIMITED), adapter=adapter
        ) as service:
            yield _fill(service)
    else:
        with (
            start_upstream("benchmarks.upstreams.cloudinary:create", limits=()) as upstream,
            CloudinaryService(cloudinary_config(upstream.url, UNLIMITED)) as service,
        ):
            yield _fill(service)


def test_upload(measure: Measure, cloudinary: CloudinaryService) -> None:
    image = measure.function(
        lambda: cloudinary.upload(IMAGE, public_id="image0", tags=["a"], eager=[SMALL])
    )
    assert image.size_bytes == len(IMAGE)


def test_explicit(measure: Measure, cloudinary: CloudinaryService) -> None:
    image = measure.function(lambda: cloudinary.explicit("image1", eager=[SMALL]))
    assert image.eager[0]["transformation"] == "c_fill,h_200,w_300"


def test_list_resources(measure: Measure, cloudinary: CloudinaryService) -> None:
    page = measure.function(lambda: cloudinary.list_resources(max_results=10))
    assert len(page.resources) == 10


def test_walk_through_all_resources(measure: Measure, cloudinary: CloudinaryService) -> None:
    found = measure.function(lambda: list(cloudinary.iter_resources(page_size=5)))
    assert len(found) >= STORED


def test_delete_resources(measure: Measure, cloudinary: CloudinaryService) -> None:
    names = [f"gone{number}" for number in range(100)]
    deletion = measure.function(lambda: cloudinary.delete_resources(names))
    assert deletion.deleted == dict.fromkeys(names, "not_found")


def test_upload_and_destroy(measure: Measure, cloudinary: CloudinaryService) -> None:
    def both() -> bool:
        cloudinary.upload(IMAGE, public_id="short-lived")
        return cloudinary.destroy("short-lived")

    assert measure.function(both)


def test_ten_uploads_at_once(measure: Measure, cloudinary: CloudinaryService) -> None:
    with ThreadPoolExecutor(10) as pool:

        def uploads() -> list[str]:
            names = [f"image{number}" for number in range(10)]
            images = pool.map(lambda name: cloudinary.upload(IMAGE, public_id=name), names)
            return [image.public_id for image in images]

        assert len(measure.function(uploads)) == 10


@pytest.mark.parametrize("is_signed", [False, True], ids=["plain", "signed"])
def test_transformation_url(measure: Measure, is_signed: bool) -> None:  # noqa: FBT001 - a parameter
    cloudinary = CloudinaryService(cloudinary_config("https://cloudinary.test", UNLIMITED))
    url = measure.function(
        lambda: cloudinary.transformation_url(
            "folder/image", SMALL, extension="jpg", is_signed=is_signed
        )
    )
    assert url.endswith("/c_fill,h_200,w_300/v1/folder/image.jpg")


@pytest.mark.parametrize("algorithm", SignatureAlgorithm, ids=lambda algorithm: algorithm.value)
def test_signature(measure: Measure, algorithm: SignatureAlgorithm) -> None:
    from perfgate.services.cloudinary_urls import sign_parameters

    parameters = {"public_id": "image", "timestamp": "1315060510", "eager": str(SMALL)}
    signature = measure.function(
        lambda: sign_parameters(parameters, secret="abcd", algorithm=algorithm)  # noqa: S106 - a model's
    )
    assert len(signature) == {"sha1": 40, "sha256": 64}[algorithm.value]
